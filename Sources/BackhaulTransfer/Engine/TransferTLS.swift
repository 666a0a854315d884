/// The files of one destination's TLS.
package struct TransferTLS: Hashable, Sendable {
    /// Authorities that are trusted besides the system's (PEM); nil for none.
    package var authorities: String?
    /// The client's certificate with those that lead to its authority, and its key (PEM); nil for none.
    package var certificate: String?
    package var key: String?

    package init(authorities: String? = nil, certificate: String? = nil, key: String? = nil) {
        self.authorities = authorities
        self.certificate = certificate
        self.key = key
    }
}
