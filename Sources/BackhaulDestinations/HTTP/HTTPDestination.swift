package import BackhaulDomain
package import BackhaulTransfer

/// A server that takes objects by plain HTTP, straight to their final names.
package struct HTTPDestination: DestinationType {
    package static let name = "http"
    package static let summary = "A server that takes objects by plain HTTP."
    package static let fields = [
        DestinationField(
            "url", .text,
            help:
                "The base URL: http or https, no user name or password, no query, no fragment. The object's key is put "
                + "behind it."),
        DestinationField(
            "method", .choice(Method.allCases.map(\.rawValue)), standard: Method.put.rawValue,
            help: "The method of an upload."),
        DestinationField(
            "verify", .choice(Check.allCases.map(\.rawValue)), standard: Check.answer.rawValue,
            help: "What is checked before an upload counts as a success: `answer` for the answer alone, `head` and "
                + "`read-back` for a HEAD or a GET after it; a GET, too, where a HEAD is not answered or has no length."
        ),
        DestinationField(
            "bearerTokenFile", .secretFile, isOptional: true,
            help:
                "A file whose content is sent as `Authorization: Bearer …`. Read when the program starts and at SIGHUP; "
                + "blanks around it are cut off."),
    ]
    package static let verifications = [
        (word: Verification.status, meaning: "A 2xx after all bytes were sent."),
        (
            word: Verification.digest,
            meaning:
                "A 2xx after all bytes were sent, and the SHA-256 in the answer's `Repr-Digest` (RFC 9530) is the one "
                + "that was sent."
        ),
        (
            word: Verification.length,
            meaning: "A 2xx after all bytes were sent, and the `Content-Length` of a HEAD is the size that was sent "
                + "(`verify: head`). A `Repr-Digest` that the answer has matches as well."
        ),
        (
            word: Verification.readBack,
            meaning: "A 2xx after all bytes were sent, and the bytes of a GET have the SHA-256 that was sent "
                + "(`verify: read-back`). A `Repr-Digest` that the answer has matches as well."
        ),
    ]

    package enum Method: String, Hashable, Sendable, CaseIterable {
        case put = "PUT"
        case post = "POST"
    }

    /// What is checked beyond a 2xx and a digest in the response.
    package enum Check: String, Hashable, Sendable, CaseIterable {
        case answer
        /// Sends a HEAD afterwards and compares the size.
        case head
        /// Sends a GET afterwards and compares the SHA-256.
        case readBack = "read-back"
    }

    /// The base URL, to which keys are appended.
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

    package init(_ fields: DestinationFields) throws(DestinationFields.InvalidError) {
        let url = fields["url"]
        do {
            try TaskRules.checkURL(ByteText(url))
        } catch {
            throw DestinationFields.InvalidError(error.message)
        }
        self.init(
            url: url, method: try fields.choice("method"), check: try fields.choice("verify"),
            bearerToken: try fields.secret("bearerTokenFile"))
    }

    package var description: String {
        "http \(method.rawValue) \(url) verify=\(check.rawValue)"
            + (bearerToken == nil ? "" : " bearerToken=<redacted>")
    }

    package func upload(key: ByteText, body: TransferBody, contentType: String) -> any Dialect {
        HTTPUpload(destination: self, key: key.text, body: body, contentType: contentType)
    }

    package func readBack(key: ByteText) -> any Dialect { HTTPReadBack(destination: self, key: key.text) }

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

extension Verification {
    /// A 2xx after all bytes were sent.
    package static let status = Verification(rawValue: "http-2xx")
    /// The answer carried the SHA-256 of what was stored (RFC 9530), and it is the one of what was sent.
    package static let digest = Verification(rawValue: "http-digest")
    /// A HEAD afterwards gave the size that was sent.
    package static let length = Verification(rawValue: "head-length")
}
