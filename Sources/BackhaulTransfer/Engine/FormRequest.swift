internal import BackhaulUnits
internal import CLibcurl
internal import Foundation

/// Posts a form to a server, for tokens. Blocks; not for uploads.
package enum FormRequest {
    package struct Answer: Sendable {
        package var status: Int
        package var body: [UInt8]
    }

    package struct RefusedError: Error, CustomStringConvertible {
        package var description: String
    }

    private final class Buffer {
        var bytes: [UInt8] = []
    }

    private static let largestAnswer = 256 << 10

    /// Posts the fields as `application/x-www-form-urlencoded`, with the user's name and password as basic
    /// credentials. Follows no redirect, which would forward the credentials.
    /// - Parameter timeout: for the whole request.
    /// - Throws: `RefusedError` when there is no response.
    package static func post(
        _ url: String, fields: [(String, String)], user: String, password: String, timeout: Duration = .seconds(10)
    ) throws -> Answer {
        guard CurlGlobal.initialised, let easy = curl_easy_init() else {
            throw RefusedError(description: "libcurl does not start")
        }
        defer { curl_easy_cleanup(easy) }
        let body = fields.map { "\(encode($0.0))=\(encode($0.1))" }.joined(separator: "&")
        let buffer = Buffer()
        let write: backhaul_data_function = { data, size, count, context in
            guard let data, let context else { return 0 }
            let buffer = Unmanaged<Buffer>.fromOpaque(context).takeUnretainedValue()
            guard buffer.bytes.count + size * count <= FormRequest.largestAnswer else { return 0 }
            buffer.bytes.append(
                contentsOf: UnsafeRawBufferPointer(start: UnsafeRawPointer(data), count: size * count))
            return size * count
        }
        let results = [
            backhaul_set_text(easy, CURLOPT_URL, url), backhaul_set_text(easy, CURLOPT_PROTOCOLS_STR, "http,https"),
            backhaul_set_long(easy, CURLOPT_NOSIGNAL, 1), backhaul_set_text(easy, CURLOPT_PROXY, ""),
            backhaul_set_long(easy, CURLOPT_TIMEOUT_MS, Int(clamping: timeout.inMilliseconds)),
            backhaul_set_text(easy, CURLOPT_USERNAME, encode(user)),
            backhaul_set_text(easy, CURLOPT_PASSWORD, encode(password)),
            backhaul_set_long(easy, CURLOPT_POSTFIELDSIZE, body.utf8.count),
            backhaul_set_text(easy, CURLOPT_COPYPOSTFIELDS, body),
            backhaul_set_data_function(easy, CURLOPT_WRITEFUNCTION, write),
            backhaul_set_pointer(easy, CURLOPT_WRITEDATA, Unmanaged.passUnretained(buffer).toOpaque()),
        ]
        if let failed = results.first(where: { $0 != CURLE_OK }) {
            throw RefusedError(description: "\(url): \(String(cString: curl_easy_strerror(failed)))")
        }
        let code = withExtendedLifetime(buffer) { curl_easy_perform(easy) }
        guard code == CURLE_OK else {
            throw RefusedError(description: "\(url): \(String(cString: curl_easy_strerror(code)))")
        }
        var status = 0
        _ = backhaul_get_long(easy, CURLINFO_RESPONSE_CODE, &status)
        return Answer(status: status, body: buffer.bytes)
    }

    /// Percent-encodes everything but RFC 3986's unreserved characters (required by RFC 6749, appendix B).
    private static func encode(_ text: String) -> String {
        let unreserved = CharacterSet(
            charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
        return text.addingPercentEncoding(withAllowedCharacters: unreserved) ?? ""
    }
}
