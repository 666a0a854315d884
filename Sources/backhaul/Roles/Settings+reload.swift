import BackhaulDestinations
import BackhaulKafka
import BackhaulSettings
import Logging

extension Settings {
    /// Gives a cluster's clients the password as it is now; OAUTHBEARER secrets are read whenever a token is fetched.
    func reload(_ log: KafkaLog) {
        guard let password = kafka.password else { return }
        do {
            try log.replaceCredentials(user: kafka.username, password: password.value)
        } catch {
            Logger(label: "backhaul.kafka").error(
                "the password was not taken over", metadata: ["error": "\(error)"])
        }
    }
}
