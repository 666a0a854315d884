/// A bearer token for SASL OAUTHBEARER (KIP-255).
package struct BearerToken: Sendable {
    package var value: String
    /// When it ends, in milliseconds since 1970.
    package var expiresAt: Int64
    /// The principal's name, as librdkafka wants to be told.
    package var principal: String

    package init(value: String, expiresAt: Int64, principal: String) {
        self.value = value
        self.expiresAt = expiresAt
        self.principal = principal
    }
}

/// Where tokens come from. Debian's librdkafka is built without its own OIDC client.
package protocol TokenSource: Sendable {
    /// Fetches a token; called on a thread that may wait.
    /// - Throws: with a text for the operator.
    func fetch() throws -> BearerToken
}
