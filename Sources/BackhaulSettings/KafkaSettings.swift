package import BackhaulDestinations

/// How to connect to the Kafka cluster, and how to write to it.
package struct KafkaSettings: Sendable {
    /// The client credentials for SASL OAUTHBEARER.
    package struct OAuth: Sendable {
        package var tokenURL: String
        package var clientID: String
        /// Read whenever a token is fetched, so a new secret takes effect with the next token.
        package var clientSecretFile: String
        /// Empty to request none.
        package var scope: String
    }

    /// The librdkafka properties that the operator sets.
    package var properties: [String: String] = [:]
    package var username = ""
    package var password: Secret?
    package var keyPassword: Secret?
    package var oauth: OAuth?
    /// `exactly-once` or `at-least-once`.
    package var delivery = "exactly-once"

    package init() {}
}
