internal import CLibcurl
internal import Foundation

/// A URL as libcurl's own parser reads it: the same parser checks and connects.
package struct ParsedURL: Hashable, Sendable {
    /// Scheme, host and port: the key by which connections are shared and counted.
    package var host: String
    package var scheme: String
    /// The host alone, an IPv6 address without its brackets.
    package var name: String

    /// - Parameter schemes: those that are accepted.
    /// - Throws: `TransferError.badURL` for another scheme, and for user-info.
    package init(_ text: String, schemes: Set<String> = ["http", "https"]) throws(TransferError) {
        guard let handle = curl_url() else { throw .internalError("libcurl returned no URL parser") }
        defer { curl_url_cleanup(handle) }
        let flags = UInt32(CURLU_NON_SUPPORT_SCHEME)
        guard curl_url_set(handle, CURLUPART_URL, text, flags) == CURLUE_OK else {
            throw .badURL("it cannot be parsed")
        }
        func part(_ what: CURLUPart, _ flags: UInt32 = 0) -> String? {
            var pointer: UnsafeMutablePointer<CChar>?
            guard curl_url_get(handle, what, &pointer, flags) == CURLUE_OK, let pointer else { return nil }
            defer { curl_free(pointer) }
            return String(cString: pointer)
        }
        guard let scheme = part(CURLUPART_SCHEME)?.lowercased(), schemes.contains(scheme) else {
            throw .badURL("only \(schemes.sorted().joined(separator: " and ")) are accepted")
        }
        guard part(CURLUPART_USER) == nil, part(CURLUPART_PASSWORD) == nil else {
            throw .badURL("it contains a user name or password")
        }
        guard let host = part(CURLUPART_HOST), !host.isEmpty else { throw .badURL("it names no host") }
        let port = part(CURLUPART_PORT, UInt32(CURLU_DEFAULT_PORT)) ?? ""
        self.scheme = scheme
        name = host.hasPrefix("[") ? String(host.dropFirst().prefix { $0 != "]" && $0 != "%" }) : host
        self.host = "\(scheme)://\(host.lowercased()):\(port)"
    }
}
