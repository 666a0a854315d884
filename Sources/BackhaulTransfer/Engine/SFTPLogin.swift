/// Who logs in to an SFTP server, and what the server proves itself by. No description shows a secret.
package struct SFTPLogin: Hashable, Sendable, CustomStringConvertible, CustomDebugStringConvertible {
    package var user: String
    /// nil for none.
    package var password: String?
    /// A file with a private key; nil for none.
    package var keyFile: String?
    /// Of the private key; nil for none.
    package var passphrase: String?
    /// Whether keys of the user's agent are tried.
    package var usesAgent: Bool
    /// SHA-256 of the server's key in base64; nil where `knownHosts` decides.
    package var hostKey: String?
    /// A file as OpenSSH keeps it; nil where `hostKey` decides.
    package var knownHosts: String?

    package init(
        user: String, password: String? = nil, keyFile: String? = nil, passphrase: String? = nil,
        usesAgent: Bool = false, hostKey: String? = nil, knownHosts: String? = nil
    ) {
        self.user = user
        self.password = password
        self.keyFile = keyFile
        self.passphrase = passphrase
        self.usesAgent = usesAgent
        self.hostKey = hostKey
        self.knownHosts = knownHosts
    }

    package var description: String { user }
    package var debugDescription: String { user }
}
