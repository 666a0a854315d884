package import BackhaulUnits

/// A bearer token for SASL OAUTHBEARER (KIP-255).
package struct BearerToken: Sendable {
    package var value: String
    package var expiresAt: Timestamp
    /// The principal's name, which librdkafka requires.
    package var principal: String

    package init(value: String, expiresAt: Timestamp, principal: String) {
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
