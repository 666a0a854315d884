package import BackhaulFiles

/// Why a transfer has no usable response.
package enum TransferError: Error, Hashable, Sendable, CustomStringConvertible {
    case badURL(String)
    /// The host's name did not resolve.
    case unresolved(String)
    case notConnected(String)
    /// The egress policy forbids an address of the host.
    case egressRefused(String)
    /// The TLS handshake failed; a retry may succeed.
    case handshake(String)
    /// The peer's certificate is not trusted.
    case untrusted(String)
    /// Connecting took too long, or the transfer stalled.
    case timedOut(String)
    /// The connection broke.
    case broken(String)
    /// The peer does not speak HTTP, or breaks its rules.
    case protocolError(String)
    /// The file is not the one that was opened: its size, time or identity changed while it was read.
    case sourceChanged(String)
    /// The file could not be read.
    case sourceUnreadable(String)
    /// A local folder could not store the object; a retry may succeed.
    case storeFailed(String)
    /// A local folder refuses the object; a retry does not help.
    case storeRefused(String)
    /// The local folder is there, and the object is not.
    case objectMissing(String)
    /// The object was to be stored only if there is none, and there is one.
    case objectExists(String)
    /// An SFTP server refuses the user.
    case loginDenied(String)
    /// An SFTP server refuses a command, such as a rename.
    case commandFailed(String)
    /// The key of an SFTP server is not the one that is known.
    case unknownServer(String)
    case internalError(String)

    package init(_ error: SourceFile.ReadError) {
        switch error {
        case .changed(let text): self = .sourceChanged(text)
        case .unreadable(let text): self = .sourceUnreadable(text)
        }
    }

    package var description: String {
        switch self {
        case .badURL(let text): "the URL is not usable: \(text)"
        case .unresolved(let text): "the host's name does not resolve: \(text)"
        case .notConnected(let text): "no connection: \(text)"
        case .egressRefused(let text):
            "connecting to \(text) is not allowed: it is not public; add its range to egress.allow to allow it"
        case .handshake(let text): "the TLS handshake failed: \(text)"
        case .untrusted(let text):
            "the server's certificate is not trusted: \(text); for an authority of your own give the destination its "
                + "caFile, or set egress.caFile"
        case .timedOut(let text): "timed out: \(text)"
        case .broken(let text): "the connection broke: \(text)"
        case .protocolError(let text): "the server broke the protocol: \(text)"
        case .sourceChanged(let text): "the file changed while it was read: \(text)"
        case .sourceUnreadable(let text): "the file cannot be read: \(text)"
        case .storeFailed(let text), .storeRefused(let text), .objectMissing(let text), .objectExists(let text): text
        case .loginDenied(let text): "the server refuses the login: \(text)"
        case .commandFailed(let text): "the server refuses a command: \(text)"
        case .unknownServer(let text):
            "the server's key is not the one that is known: \(text); if the server was set up again, give hostKey or "
                + "knownHostsFile its new key"
        case .internalError(let text): "internal error: \(text)"
        }
    }
}
