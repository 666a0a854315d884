/// A bearer token for SASL OAUTHBEARER (KIP-255).
package struct BearerToken: Sendable {
    package var value: String
    /// The expiry, in milliseconds since 1970.
    package var expiresAt: Int64
    /// The principal's name, which librdkafka requires.
    package var principal: String

    package init(value: String, expiresAt: Int64, principal: String) {
        self.value = value
        self.expiresAt = expiresAt
        self.principal = principal
    }
}

/// The source of bearer tokens, since Debian's librdkafka is built without its OIDC client.
package protocol TokenSource: Sendable {
    /// Fetches a token; called on a thread that may block.
    /// - Throws: an error whose text is for the operator.
    func fetch() throws -> BearerToken
}
