internal import BackhaulDestinations
internal import Foundation

/// Reads the settings of the Kafka cluster.
extension SettingsReader {
    func kafka() throws -> KafkaSettings {
        var kafka = KafkaSettings()
        kafka.properties = kafkaProperties
        for text in try list("kafka.properties") {
            guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
                throw error("kafka.properties", "'\(text)' is not of the form name=value")
            }
            kafka.properties[String(text[..<equals])] = String(text[text.index(after: equals)...])
        }
        kafka.username = raw("kafka.username")
        if needs.contains(.kafka) {
            kafka.password = try secret("kafka.passwordFile")
            kafka.keyPassword = try secret("kafka.keyPasswordFile")
        }
        kafka.delivery = try choice("log.delivery")
        let oauth = ["kafka.oauth.tokenURL", "kafka.oauth.clientID", "kafka.oauth.clientSecretFile"]
        if oauth.contains(where: { !raw($0).isEmpty }) {
            for name in oauth where raw(name).isEmpty {
                throw error(name, "is required with the other kafka.oauth settings")
            }
            guard try !needs.contains(.kafka) || secret("kafka.oauth.clientSecretFile") != nil else { return kafka }
            kafka.oauth = KafkaSettings.OAuth(
                tokenURL: try url("kafka.oauth.tokenURL", raw("kafka.oauth.tokenURL")),
                clientID: raw("kafka.oauth.clientID"),
                clientSecretFile: raw("kafka.oauth.clientSecretFile"), scope: raw("kafka.oauth.scope"))
        }
        return kafka
    }

    /// The path that a setting names, of a file that is read later (`SecretFile.resolve`).
    func resolved(_ name: String) throws -> String {
        do {
            return try SecretFile.resolve(raw(name))
        } catch {
            throw self.error(name, "\(raw(name)) \(error)")
        }
    }

    /// The secret in the file that a setting names; nil when the setting is empty.
    func secret(_ name: String) throws -> Secret? {
        try reading(name) { path throws(SecretFile.RefusedError) in try SecretFile.secret(path) }
    }

    /// The whole text of the file that a setting names; nil when the setting is empty.
    func text(ofSecretFile name: String) throws -> Secret? {
        try reading(name) { path throws(SecretFile.RefusedError) in Secret(try SecretFile.read(path)) }
    }

    private func reading(
        _ name: String, _ read: (String) throws(SecretFile.RefusedError) -> Secret
    ) throws -> Secret? {
        guard !raw(name).isEmpty else { return nil }
        do {
            return try read(raw(name))
        } catch let refused {
            throw error(name, "\(raw(name)) \(refused)")
        }
    }
}
