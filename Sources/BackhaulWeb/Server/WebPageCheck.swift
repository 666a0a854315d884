internal import HTTPTypes

/// Keeps web pages out of an API without authentication; pure.
///
/// A page of any site may send requests to the loopback address of the machine whose browser shows it. A browser tells
/// on it: by `Origin` (RFC 6454) and `Sec-Fetch-Site` (W3C Fetch Metadata), by a `Host` that is a name of the page's
/// own (DNS rebinding), and by a `Content-Type` of the three that need no permission (the Fetch standard's CORS
/// check).
enum WebPageCheck {
    /// - Throws: `Problem` with 403 for a request that a page has sent, or 415 for a body that is not JSON.
    static func check(_ request: HTTPRequest) throws(Problem) {
        guard let authority = request.authority else {
            // Only HTTP/1.0 has none, and no browser speaks that.
            return
        }
        guard isLoopback(host(authority)) else {
            throw Problem(
                .forbidden, "wrong-host",
                "without authentication the API answers only requests to localhost or a loopback address")
        }
        let fields = request.headerFields
        for origin in fields[values: .origin] where !isOwn(origin, authority) { throw page }
        for name in [HTTPField.Name("Sec-Fetch-Site")].compactMap({ $0 }) {
            for site in fields[values: name] where site != "same-origin" && site != "none" { throw page }
        }
        // A body of unknown type is refused even when it is empty: a form has a type.
        if let type = fields[.contentType] {
            let media = type.prefix { $0 != ";" }.lowercased().filter { $0 != " " && $0 != "\t" }
            guard media == "application/json" || media == "application/x-ndjson" || media.hasSuffix("+json") else {
                throw Problem(
                    .unsupportedMediaType, "not-json",
                    "without authentication a body must be sent as 'Content-Type: application/json' or "
                        + "application/x-ndjson")
            }
        } else if fields[.transferEncoding] != nil || (fields[.contentLength].map { $0 != "0" } ?? false) {
            throw Problem(
                .unsupportedMediaType, "not-json",
                "without authentication a body must be sent as 'Content-Type: application/json' or "
                    + "application/x-ndjson")
        }
    }

    private static let page = Problem(
        .forbidden, "web-page", "without authentication the API answers no request of a web page of another origin")

    /// The host without its port and brackets.
    private static func host(_ authority: String) -> Substring {
        if authority.hasPrefix("[") { return authority.dropFirst().prefix { $0 != "]" } }
        return authority.prefix { $0 != ":" }
    }

    private static func isLoopback(_ host: Substring) -> Bool {
        let name = host.lowercased()
        if name == "localhost" || name.hasSuffix(".localhost") || name == "::1" { return true }
        let octets = name.split(separator: ".", omittingEmptySubsequences: false)
        return octets.count == 4 && octets[0] == "127" && octets.allSatisfy { UInt8($0) != nil }
    }

    private static func isOwn(_ origin: String, _ authority: String) -> Bool {
        origin.lowercased() == "http://" + authority.lowercased()
            || origin.lowercased() == "https://" + authority.lowercased()
    }
}
