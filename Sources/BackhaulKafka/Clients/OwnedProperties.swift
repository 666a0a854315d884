internal import BackhaulLog

/// The librdkafka properties that the program sets itself, because its guarantees depend on them.
package enum OwnedProperties {
    /// Each property with the reason that an operator sees.
    package static let reasons: [String: String] = [
        "bootstrap.servers": "the --log address sets it",
        "metadata.broker.list": "the --log address sets it",
        "group.id": "the role sets it",
        "group.instance.id": "a static member would keep its partitions after its process has died",
        "group.protocol": "the program implements rebalances of the classic protocol only",
        "partition.assignment.strategy": "only cooperative-sticky lets a member settle during a revocation",
        "enable.auto.commit": "only a settlement moves positions",
        "enable.auto.offset.store": "only a settlement moves positions",
        "auto.offset.reset": "a lost position is an error, never a jump",
        "isolation.level": "readers see only committed records",
        "enable.partition.eof": "the read cursor follows the end of the partition",
        "enable.idempotence": "each record is appended once and in order",
        "acks": "an append is durable when it returns",
        "request.required.acks": "an append is durable when it returns",
        "transactional.id": "each session has its own",
        "enable.gapless.guarantee": "each record is appended once and in order",
        "allow.auto.create.topics": "'backhaul topics apply' creates the topics",
        "message.timeout.ms": "an append times out with its call, a settlement with its transaction",
        "delivery.timeout.ms": "an append times out with its call, a settlement with its transaction",
        "log.queue": "log lines go to the program's own log",
        "delivery.report.only.error": "every append needs its delivery report",
        "client.id": "the role sets it",
        "enable.sasl.oauthbearer.unsecure.jwt": "tokens come from kafka.oauth",
        "sasl.oauthbearer.config": "tokens come from kafka.oauth",
        "sasl.oauthbearer.method": "tokens come from kafka.oauth",
        "sasl.oauthbearer.client.id": "set kafka.oauth.clientID",
        "sasl.oauthbearer.token.endpoint.url": "set kafka.oauth.tokenURL",
        "sasl.oauthbearer.scope": "set kafka.oauth.scope",
        "test.mock.num.brokers": "it would replace the cluster with mock brokers",
    ]

    /// Properties that hold secrets, each with the setting to use instead.
    package static let secrets: [String: String] = [
        "sasl.password": "kafka.passwordFile", "ssl.key.password": "kafka.keyPasswordFile",
        "ssl.keystore.password": "kafka.keyPasswordFile", "ssl.key.pem": "kafka.properties.ssl.key.location",
        "sasl.oauthbearer.client.secret": "kafka.oauth.clientSecretFile",
    ]

    /// Properties with which librdkafka runs a program or loads a library.
    private static let programs: Set<String> = [
        "plugin.library.paths", "sasl.kerberos.kinit.cmd", "ssl.engine.location", "ssl.providers",
    ]

    /// Properties that verify the brokers, each with the values that do.
    private static let verifications: [String: Set<String>] = [
        "enable.ssl.certificate.verification": ["true", "t", "1"],
        "ssl.endpoint.identification.algorithm": ["https"],
    ]

    /// Why the operator may not set this property to this value; nil when it is allowed.
    package static func refusal(_ name: String, _ value: String) -> String? {
        if let setting = secrets[name] { return "it is a secret; set \(setting) instead" }
        if programs.contains(name) { return "librdkafka would run a program or load a library that it names" }
        if let values = verifications[name], !values.contains(value.lowercased()) {
            return "brokers would not be verified; for a private CA set ssl.ca.location"
        }
        return reasons[name].map { "the program sets it itself: \($0)" }
    }
}
