package import BackhaulUnits
internal import NIOCore
internal import NIOSSL
internal import Synchronization

/// The certificate of a server. It may be replaced while the server runs: new connections get the new one, open ones go
/// on.
package final class ServerCertificate: Sendable {
    /// PEM texts.
    package struct Texts: Hashable, Sendable {
        /// The server's certificate, then those that lead to its authority.
        package var chain: String
        package var key: String
        /// The authorities of clients' certificates; nil admits clients without one.
        package var clientAuthorities: String?

        package init(chain: String, key: String, clientAuthorities: String? = nil) {
            self.chain = chain
            self.key = key
            self.clientAuthorities = clientAuthorities
        }
    }

    /// Why texts are not a certificate with its key; shows nothing of the key.
    package struct UnusableError: Error, Hashable, Sendable, CustomStringConvertible {
        package var description: String
    }

    private struct State {
        var context: NIOSSLContext
        var expiresAt: Timestamp
    }

    private let state: Mutex<State>

    /// - Throws: `UnusableError`.
    package init(_ texts: Texts) throws(UnusableError) {
        state = Mutex(try Self.state(texts))
    }

    /// Uses another certificate for new connections.
    /// - Throws: `UnusableError`; then the last one stays.
    package func replace(_ texts: Texts) throws(UnusableError) {
        let fresh = try Self.state(texts)
        state.withLock { $0 = fresh }
    }

    /// When the certificate expires.
    package var expiresAt: Timestamp { state.withLock(\.expiresAt) }

    /// The context of a new connection.
    var context: NIOSSLContext { state.withLock(\.context) }

    private static func state(_ texts: Texts) throws(UnusableError) -> State {
        let chain = try certificates(texts.chain, "certificate")
        let key: NIOSSLPrivateKey
        do {
            key = try NIOSSLPrivateKey(bytes: Array(texts.key.utf8), format: .pem)
        } catch {
            throw UnusableError(description: "the key is not a private key in PEM without a passphrase")
        }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["http/1.1"]
        // A connection that the table of connections has given up must not go on for seconds, because its client does
        // not answer the end of TLS.
        configuration.shutdownTimeout = .milliseconds(100)
        if let authorities = texts.clientAuthorities {
            configuration.trustRoots = .certificates(try certificates(authorities, "client authority"))
            // A client's certificate says who it is, not where: it has no host name to verify.
            configuration.certificateVerification = .noHostnameVerification
        }
        do {
            let end = min(Int64(clamping: chain[0].notValidAfter), .max / 1_000)
            return State(
                context: try NIOSSLContext(configuration: configuration),
                expiresAt: Timestamp(clamping: end * 1_000))
        } catch {
            throw UnusableError(description: "the key does not belong to the certificate, or is of an unsupported kind")
        }
    }

    private static func certificates(_ pem: String, _ what: String) throws(UnusableError) -> [NIOSSLCertificate] {
        guard let found = try? NIOSSLCertificate.fromPEMBytes(Array(pem.utf8)), !found.isEmpty else {
            throw UnusableError(description: "the \(what) is not a certificate in PEM")
        }
        return found
    }
}
