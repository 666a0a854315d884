package import BackhaulDomain
package import BackhaulTransfer
internal import Foundation

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
            "modifiedTime", .choice(ModifiedTime.allCases.map(\.rawValue)), standard: ModifiedTime.ocMtime.rawValue,
            help: "How the file's modification time is sent: `x-oc-mtime` as the header that Nextcloud, ownCloud and "
                + "other WebDAV servers keep, `none` not at all."),
        DestinationField(
            "bearerTokenFile", .secretFile, isOptional: true,
            help:
                "A file whose content is sent as `Authorization: Bearer …`. Read when the program starts and at SIGHUP; "
                + "blanks around it are cut off."),
        DestinationField(
            "username", .text, isOptional: true, help: "The user of HTTP Basic authentication, with `passwordFile`."),
        DestinationField(
            "passwordFile", .secretFile, isOptional: true,
            help: "A file with the password of `username`. Read when the program starts and at SIGHUP."),
        DestinationField(
            "headersFile", .secretFile, isOptional: true,
            help:
                "A file with headers for every request, one `Name: value` per line, such as an API key. Read when the "
                + "program starts and at SIGHUP."),
        DestinationField(
            "caFile", .file, isOptional: true,
            help:
                "A file with authorities (PEM) that are trusted besides the system's: for a server with a certificate "
                + "of an authority of your own."),
        DestinationField(
            "clientCertificateFile", .file, isOptional: true,
            help: "A file with the client's certificate (PEM), with `clientKeyFile`."),
        DestinationField(
            "clientKeyFile", .secretFile, isOptional: true, help: "A file with the key of that certificate (PEM)."),
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

    /// How the modification time of a file is sent.
    package enum ModifiedTime: String, Hashable, Sendable, CaseIterable {
        /// Seconds since 1970 in `X-OC-Mtime`; other servers ignore it.
        case ocMtime = "x-oc-mtime"
        case none
    }

    /// The base URL, to which keys are appended.
    package var url: String
    package var method: Method
    package var check: Check
    /// Sent with every request; never logged.
    package var headers: [SecretHeader]
    package var tls: TransferTLS
    package var modifiedTime: ModifiedTime

    package init(
        url: String, method: Method = .put, check: Check = .answer, headers: [SecretHeader] = [],
        tls: TransferTLS = TransferTLS(), modifiedTime: ModifiedTime = .ocMtime
    ) {
        self.modifiedTime = modifiedTime
        self.url = url
        self.method = method
        self.check = check
        self.headers = headers
        self.tls = tls
    }

    package init(_ fields: DestinationFields) throws(DestinationFields.InvalidError) {
        try self.init(connecting: fields)
        method = try fields.choice("method")
        check = try fields.choice("verify")
    }

    /// What the connections of other types of servers have in common with this one.
    init(connecting fields: DestinationFields) throws(DestinationFields.InvalidError) {
        let url = fields["url"]
        do {
            try TaskRules.checkURL(ByteText(url))
        } catch {
            throw DestinationFields.InvalidError(error.message)
        }
        let tls = TransferTLS(
            authorities: try fields.file("caFile"), certificate: try fields.file("clientCertificateFile"),
            key: try fields.secretPath("clientKeyFile"))
        guard (tls.certificate == nil) == (tls.key == nil) else {
            throw DestinationFields.InvalidError("clientCertificateFile and clientKeyFile go together")
        }
        self.init(
            url: url, headers: try Self.headers(fields), tls: tls,
            modifiedTime: fields.has("modifiedTime") ? try fields.choice("modifiedTime") : .none)
    }

    private static func headers(_ fields: DestinationFields) throws(DestinationFields.InvalidError) -> [SecretHeader] {
        var headers: [SecretHeader] = []
        if let token = try fields.secret("bearerTokenFile") {
            headers.append(SecretHeader(name: "Authorization", value: Secret("Bearer " + token.value)))
        }
        let password = try fields.secret("passwordFile")
        guard (password == nil) == fields["username"].isEmpty else {
            throw DestinationFields.InvalidError("username and passwordFile go together")
        }
        if let password {
            guard headers.isEmpty else {
                throw DestinationFields.InvalidError("bearerTokenFile and username exclude each other")
            }
            // RFC 7617: the name has no colon.
            guard !fields["username"].contains(":") else {
                throw DestinationFields.InvalidError("username must not contain a colon")
            }
            let pair = Data((fields["username"] + ":" + password.value).utf8).base64EncodedString()
            headers.append(SecretHeader(name: "Authorization", value: Secret("Basic " + pair)))
        }
        headers += try fields.secretHeaders("headersFile")
        guard Set(headers.map { $0.name.lowercased() }).count == headers.count else {
            throw DestinationFields.InvalidError("headersFile gives a header twice, or one that another field gives")
        }
        return headers
    }

    package var description: String {
        "http \(method.rawValue) \(url) verify=\(check.rawValue)"
            + headers.map { " \($0.name)=\($0.value)" }.joined()
            + (tls.authorities.map { " caFile=\($0)" } ?? "")
            + (tls.certificate.map { " clientCertificateFile=\($0)" } ?? "")
    }

    package func upload(
        key: ByteText, body: TransferBody, contentType: String, onlyIfAbsent: Bool
    ) -> any Dialect {
        HTTPUpload(
            destination: self, key: key.text, body: body, contentType: contentType, onlyIfAbsent: onlyIfAbsent)
    }

    package func look(key: ByteText) -> any Dialect { HTTPLook(destination: self, key: key.text) }

    package func readBack(key: ByteText) -> any Dialect { HTTPReadBack(destination: self, key: key.text) }

    package func remove(key: ByteText) -> any Dialect { HTTPRemoval(destination: self, key: key.text) }

    /// The URL of an object: each component of the key percent-encoded, all but RFC 3986's unreserved characters.
    package func url(of key: String) -> String {
        var text = url
        if text.utf8.last != UInt8(ascii: "/") { text += "/" }
        return text + PercentEncoding.path(key)
    }

    /// A request with what every request has.
    func request(
        _ method: String, _ url: String, headers more: [(name: String, value: String)] = [],
        body: TransferBody = .none, sink: ResponseSink? = nil
    ) -> TransferRequest {
        var request = TransferRequest(
            method: method, url: url, headers: headers.map { ($0.name, $0.value.value) } + more, body: body, tls: tls)
        if let sink { request.sink = sink }
        return request
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
