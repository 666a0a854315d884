package import BackhaulDomain
package import BackhaulTransfer
package import BackhaulUnits

/// A folder of a WebDAV server (RFC 4918): a NAS, Nextcloud, ownCloud, Apache, nginx.
package struct WebDAVDestination: DestinationType {
    package static let name = "webdav"
    package static let summary =
        "A folder of a WebDAV server: a NAS, Nextcloud, ownCloud, Apache, nginx. A file is written under a temporary "
        + "name in `.backhaul-tmp`, checked, and renamed: an object is never seen in part, and a broken upload leaves the "
        + "old one as it is. See docs/destinations/WEBDAV.md."
    package static let fields =
        [
            DestinationField(
                "url", .text,
                help: "The folder's URL: http or https, no user name or password, no query. It must exist."),
            DestinationField(
                "authentication", .choice(Authentication.allCases.map(\.rawValue)),
                standard: Authentication.basic.rawValue,
                help: "How `username` and `passwordFile` are sent: `basic`, or `digest` (RFC 7616)."),
            FileCheck.field(
                "What is checked before an object gets its name: `size`, or `read-back` for a GET whose bytes are "
                    + "compared as well."),
        ]
        + HTTPDestination.fields.filter { field in
            [
                "modifiedTime", "username", "passwordFile", "bearerTokenFile", "headersFile", "caFile",
                "clientCertificateFile", "clientKeyFile",
            ].contains(field.name)
        }
    package static let verifications = [
        (
            word: Verification.size,
            meaning: "The server named the size that was sent, before the file got its name (`verify: size`)."
        ),
        (
            word: Verification.readBack,
            meaning: "The bytes of a GET had the SHA-256 that was sent, before the file got its name "
                + "(`verify: read-back`)."
        ),
    ]

    package enum Authentication: String, Hashable, Sendable, CaseIterable {
        case basic
        case digest
    }

    /// The folder's URL, headers and TLS.
    package var base: HTTPDestination
    package var check: FileCheck
    /// For digest authentication; nil for none.
    package var login: TransferLogin?

    package init(base: HTTPDestination, check: FileCheck = .size, login: TransferLogin? = nil) {
        self.base = base
        self.check = check
        self.login = login
    }

    package init(_ fields: DestinationFields) throws(DestinationFields.InvalidError) {
        let authentication: Authentication = try fields.choice("authentication")
        let check: FileCheck = try fields.choice("verify")
        var plain = fields
        var login: TransferLogin?
        if authentication == .digest {
            guard !fields["username"].isEmpty, let password = try fields.secret("passwordFile") else {
                throw DestinationFields.InvalidError("authentication: digest needs username and passwordFile")
            }
            login = TransferLogin(user: fields["username"], password: password.value)
            plain = fields.without(["username", "passwordFile"])
        }
        self.init(base: try HTTPDestination(connecting: plain), check: check, login: login)
    }

    package var description: String { "webdav \(base.url) verify=\(check.rawValue)" }

    package func upload(
        key: ByteText, body: TransferBody, contentType: String, onlyIfAbsent: Bool
    ) -> any Dialect {
        WebDAVUpload(
            destination: self, key: key.text, body: body, contentType: contentType, onlyIfAbsent: onlyIfAbsent)
    }

    package func look(key: ByteText) -> any Dialect { WebDAVLook(destination: self, key: key.text) }

    package func readBack(key: ByteText) -> any Dialect {
        HTTPReadBack(destination: base, key: key.text, login: login)
    }

    package func remove(key: ByteText) -> any Dialect { HTTPRemoval(destination: base, key: key.text, login: login) }

    package func sweep(before time: Timestamp) -> (any Dialect)? { WebDAVSweep(destination: self, before: time) }

    /// A request with what every request has.
    func request(
        _ method: String, _ url: String, headers: [(name: String, value: String)] = [], body: TransferBody = .none,
        sink: ResponseSink? = nil
    ) -> TransferRequest {
        var request = base.request(method, url, headers: headers, body: body, sink: sink)
        request.login = login
        return request
    }

    /// A request for a file's size. Some servers answer a HEAD that needs a login with a body, which libcurl takes for
    /// the next answer.
    func sizeRequest(_ url: String) -> TransferRequest {
        login == nil ? request("HEAD", url) : WebDAVProperties.request(self, url, depth: 0)
    }

    /// The URL of a folder, with the slash that servers want at its end.
    func url(ofFolder path: String) -> String { base.url(of: path) + "/" }
}
