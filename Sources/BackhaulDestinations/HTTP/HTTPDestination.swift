/// A server that takes objects by plain HTTP, straight to their final names.
package struct HTTPDestination: Hashable, Sendable {
    package enum Method: String, Hashable, Sendable, CaseIterable {
        case put = "PUT"
        case post = "POST"
    }

    /// What is checked beyond a 2xx and a digest in the answer.
    package enum Check: String, Hashable, Sendable, CaseIterable {
        case answer
        /// HEAD afterwards, compare the size.
        case head
        /// GET afterwards, compare the SHA-256.
        case readBack = "read-back"
    }

    /// The base URL; keys are put behind it.
    package var url: String
    package var method: Method
    package var check: Check
    /// A bearer token, from a file; never logged.
    package var bearerToken: Secret?

    package init(url: String, method: Method = .put, check: Check = .answer, bearerToken: Secret? = nil) {
        self.url = url
        self.method = method
        self.check = check
        self.bearerToken = bearerToken
    }

    /// The URL of an object: each component of the key percent-encoded, all but RFC 3986's unreserved characters.
    package func url(of key: String) -> String {
        var text = url
        if text.utf8.last != UInt8(ascii: "/") { text += "/" }
        return text + Self.encode(key)
    }

    static func encode(_ key: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var text: [UInt8] = []
        for byte in key.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"), UInt8(ascii: "/"):
                text.append(byte)
            default:
                text += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    var authorization: [(name: String, value: String)] {
        bearerToken.map { [("Authorization", "Bearer \($0.value)")] } ?? []
    }
}

/// A value that no description shows.
package struct Secret: Hashable, Sendable, CustomStringConvertible, CustomDebugStringConvertible {
    package let value: String

    package init(_ value: String) {
        self.value = value
    }

    package var description: String { "<redacted>" }
    package var debugDescription: String { "<redacted>" }
}
