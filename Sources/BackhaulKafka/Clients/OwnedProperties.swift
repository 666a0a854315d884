internal import BackhaulLog

/// The librdkafka properties that the product sets itself, because its promises rest on them.
package enum OwnedProperties {
    /// Each with the reason that an operator is told.
    package static let reasons: [String: String] = [
        "bootstrap.servers": "the --log address says it",
        "metadata.broker.list": "the --log address says it",
        "group.id": "the role says it",
        "group.instance.id": "workers come and go; a static member would keep its partitions after its death",
        "group.protocol": "rebalances are answered by the classic protocol",
        "partition.assignment.strategy": "only cooperative-sticky lets a member settle while it gives partitions up",
        "enable.auto.commit": "positions move only by settle",
        "enable.auto.offset.store": "positions move only by settle",
        "auto.offset.reset": "a lost position is an error, never a jump",
        "isolation.level": "readers see what is committed",
        "enable.partition.eof": "the frontier follows the end of what was read",
        "enable.idempotence": "an append is durable once and in order",
        "acks": "an append is durable when it returns",
        "request.required.acks": "an append is durable when it returns",
        "transactional.id": "each session has its own",
        "enable.gapless.guarantee": "an append is durable once and in order",
        "allow.auto.create.topics": "topics are code: backhaul topics apply",
        "message.timeout.ms": "an append fails when its call has waited long enough, a settlement with its transaction",
        "delivery.timeout.ms":
            "an append fails when its call has waited long enough, a settlement with its transaction",
        "log.queue": "log lines go through the program's own log",
        "delivery.report.only.error": "every append is answered",
        "client.id": "the role says it",
        "plugin.library.paths": "no foreign code is loaded",
        "enable.sasl.oauthbearer.unsecure.jwt": "tokens come from kafka.oauth",
        "sasl.oauthbearer.config": "tokens come from kafka.oauth",
        "sasl.oauthbearer.method": "tokens come from kafka.oauth",
        "sasl.oauthbearer.client.id": "give kafka.oauth.clientID",
        "sasl.oauthbearer.token.endpoint.url": "give kafka.oauth.tokenURL",
        "sasl.oauthbearer.scope": "give kafka.oauth.scope",
        "test.mock.num.brokers": "it would talk to nobody",
    ]

    /// Properties that hold secrets, and the setting that names their file.
    package static let secrets: [String: String] = [
        "sasl.password": "kafka.passwordFile", "ssl.key.password": "kafka.keyPasswordFile",
        "ssl.keystore.password": "kafka.keyPasswordFile", "ssl.key.pem": "kafka.properties.ssl.key.location",
        "sasl.oauthbearer.client.secret": "kafka.oauth.clientSecretFile",
    ]

    /// Why the operator may not set this property; nil when he may.
    package static func refusal(_ name: String) -> String? {
        if let setting = secrets[name] { return "it is a secret: give \(setting)" }
        return reasons[name].map { "it is the program's own: \($0)" }
    }
}
