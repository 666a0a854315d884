package import BackhaulDestinations

/// How the Kafka cluster is reached and used.
package struct KafkaSettings: Sendable {
    /// Client credentials for OAUTHBEARER.
    package struct OAuth: Sendable {
        package var tokenURL: String
        package var clientID: String
        /// Read whenever a token is fetched, so that a new secret counts at once.
        package var clientSecretFile: String
        /// Empty for none.
        package var scope: String
    }

    /// librdkafka properties of the operator.
    package var properties: [String: String] = [:]
    package var username = ""
    package var password: Secret?
    package var keyPassword: Secret?
    package var oauth: OAuth?
    /// `exactly-once` or `at-least-once`.
    package var delivery = "exactly-once"

    package init() {}
}
