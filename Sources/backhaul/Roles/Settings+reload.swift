import BackhaulDestinations
import BackhaulKafka
import BackhaulSettings
import Logging

extension Settings {
    /// Gives a cluster's clients the current password. OAUTHBEARER secrets are read at every token fetch.
    func reload(_ log: KafkaLog) {
        guard let password = kafka.password else { return }
        do {
            try log.replaceCredentials(user: kafka.username, password: password.value)
        } catch {
            Logger(label: "backhaul.kafka").error(
                "the new password was not applied", metadata: ["error": "\(error)"])
        }
    }
}
