package import BackhaulDomain
package import BackhaulTransfer
internal import BackhaulUnits
internal import Foundation

/// A folder of an SSH server, by SFTP.
package struct SFTPDestination: DestinationType {
    package static let name = "sftp"
    package static let summary =
        "A folder of an SSH server, by SFTP. A file is written under a temporary name in `.backhaul-tmp`, its size is "
        + "checked, and it is renamed; after a crash another worker goes on behind the bytes that the server has. See "
        + "docs/destinations/SFTP.md."
    package static let fields = [
        DestinationField("host", .text, help: "The server's name or address."),
        DestinationField("port", .integer(1...65_535), standard: "22", help: "Its port."),
        DestinationField("path", .text, help: "The folder: absolute. It must exist."),
        DestinationField("username", .text, help: "The user that logs in."),
        DestinationField(
            "keyFile", .secretFile, isOptional: true,
            help: "A file with the user's private key: Ed25519 or ECDSA (libssh2 signs with RSA keys in a way that "
                + "servers refuse)."),
        DestinationField(
            "passphraseFile", .secretFile, isOptional: true, help: "A file with the passphrase of that key."),
        DestinationField(
            "passwordFile", .secretFile, isOptional: true, help: "A file with the user's password."),
        DestinationField(
            "agent", .choice(["no", "yes"]), standard: "no", help: "Whether keys of the SSH agent are tried."),
        DestinationField(
            "hostKey", .text, isOptional: true,
            help: "The fingerprint of the server's key, `SHA256:…` as `ssh-keygen -lf` prints it. libssh2 asks for the "
                + "ECDSA key first. This or `knownHostsFile` is needed: no file goes to a server that proves nothing."),
        DestinationField(
            "knownHostsFile", .file, isOptional: true, help: "A file of known servers as OpenSSH keeps it."),
        FileCheck.field(
            "What is checked before an object gets its name: `size`, or `read-back` for reading it and comparing "
                + "the bytes as well."),
    ]
    package static let verifications = [
        (
            word: Verification.size,
            meaning: "The server named the size that was sent, before the file got its name (`verify: size`)."
        ),
        (
            word: Verification.readBack,
            meaning: "The bytes that were read had the SHA-256 that was sent, before the file got its name "
                + "(`verify: read-back`)."
        ),
    ]

    package var host: String
    package var port: Int
    /// Absolute, without a slash at its end; empty for the root.
    package var path: String
    package var login: SFTPLogin
    package var check: FileCheck

    package init(host: String, port: Int = 22, path: String, login: SFTPLogin, check: FileCheck = .size) {
        self.host = host
        self.port = port
        self.path = path
        self.login = login
        self.check = check
    }

    package init(_ fields: DestinationFields) throws(DestinationFields.InvalidError) {
        let host = fields["host"]
        let isPlain = host.utf8.allSatisfy { byte in
            byte > 0x20 && byte < 0x7f && !"/\\@?#%[]".utf8.contains(byte)
        }
        guard !host.isEmpty, isPlain else {
            throw DestinationFields.InvalidError("host must be a name or an address")
        }
        var path = fields["path"]
        guard path.hasPrefix("/"), !path.utf8.contains(where: { $0 < 0x20 }) else {
            throw DestinationFields.InvalidError("path must be absolute")
        }
        while path.hasSuffix("/") { path.removeLast() }
        guard !fields["username"].isEmpty else { throw DestinationFields.InvalidError("username is missing") }
        let login = SFTPLogin(
            user: fields["username"], password: try fields.secret("passwordFile")?.value,
            keyFile: try fields.secretPath("keyFile"), passphrase: try fields.secret("passphraseFile")?.value,
            usesAgent: fields["agent"] == "yes", hostKey: try Self.fingerprint(fields["hostKey"]),
            knownHosts: try fields.file("knownHostsFile"))
        guard (login.hostKey == nil) != (login.knownHosts == nil) else {
            throw DestinationFields.InvalidError(
                "give hostKey or knownHostsFile: no file goes to a server that proves nothing")
        }
        guard login.password != nil || login.keyFile != nil || login.usesAgent else {
            throw DestinationFields.InvalidError("give keyFile, passwordFile or agent: yes")
        }
        guard login.passphrase == nil || login.keyFile != nil else {
            throw DestinationFields.InvalidError("passphraseFile goes with keyFile")
        }
        self.init(
            host: host, port: fields.integer("port"), path: path, login: login, check: try fields.choice("verify"))
    }

    private static func fingerprint(_ text: String) throws(DestinationFields.InvalidError) -> String? {
        guard !text.isEmpty else { return nil }
        let value = text.hasPrefix("SHA256:") ? String(text.dropFirst(7)) : text
        let padded = value.hasSuffix("=") ? value : value + "="
        guard Data(base64Encoded: padded)?.count == 32 else {
            throw DestinationFields.InvalidError("hostKey must be SHA256:… as 'ssh-keygen -lf' prints it")
        }
        return value
    }

    package var description: String {
        "sftp \(login.user)@\(host):\(port)\(path.isEmpty ? "/" : path) verify=\(check.rawValue)"
    }

    package func upload(
        key: ByteText, body: TransferBody, contentType: String, onlyIfAbsent: Bool
    ) -> any Dialect { SFTPUpload(destination: self, key: key.text, body: body, onlyIfAbsent: onlyIfAbsent) }

    package func look(key: ByteText) -> any Dialect { SFTPLook(destination: self, key: key.text) }

    package func readBack(key: ByteText) -> any Dialect { SFTPReadBack(destination: self, key: key.text) }

    package func remove(key: ByteText) -> any Dialect { SFTPRemoval(destination: self, key: key.text) }

    package var resumption: Resumption { .asked }

    /// For messages.
    var folder: String { path.isEmpty ? "/" : path }

    /// The path of a key, for commands.
    func path(of key: String) -> String { "\(path)/\(key)" }

    /// A request about the file of a key.
    func request(
        _ action: SFTPRequest.Action, _ key: String, body: TransferBody = .none, sink: ResponseSink? = nil
    ) -> TransferRequest {
        let name = host.contains(":") ? "[\(host)]" : host
        var request = TransferRequest(
            method: "SFTP", url: "sftp://\(name):\(port)\(PercentEncoding.path(path(of: key)))", body: body)
        request.sftp = SFTPRequest(login: login, action: action)
        if let sink { request.sink = sink }
        return request
    }

    /// A request that runs commands. What it looks at then is the folder, which is there.
    func request(_ commands: [String]) -> TransferRequest {
        var request = request(.look, "")
        request.sftp?.commands = commands
        return request
    }

    func rename(_ from: String, _ to: String) -> String {
        "rename \(SFTPRequest.quoted(path(of: from))) \(SFTPRequest.quoted(path(of: to)))"
    }

    func remove(_ key: String) -> String { "rm \(SFTPRequest.quoted(path(of: key)))" }
}
