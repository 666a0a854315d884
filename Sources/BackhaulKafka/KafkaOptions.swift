/// How decisions reach the log.
package enum DeliveryMode: String, Hashable, Sendable, CaseIterable {
    /// Records and positions in one transaction: exactly once.
    case transactional = "exactly-once"
    /// Records first, then positions: a crash between the two writes the records again.
    case atLeastOnce = "at-least-once"
}

/// How to reach a Kafka cluster, and how to behave there.
package struct KafkaOptions: Sendable {
    /// `host:port,host:port`.
    package var bootstrap: String
    /// librdkafka properties of the operator, except those in `OwnedProperties`.
    package var properties: [String: String]
    /// Properties whose values are secrets: never logged, never shown.
    package var secrets: [String: String]
    /// Gives tokens when `sasl.mechanism` is OAUTHBEARER.
    package var tokens: (any TokenSource)?
    package var delivery: DeliveryMode
    /// Topics whose names begin so are this program's; others are not looked at.
    package var prefix: String
    /// Begins `client.id` and transactional ids.
    package var clientName: String
    /// The largest record that `append` takes, in bytes; what a settlement moves on may be twice as large.
    package var maximumRecordSize: Int
    /// Milliseconds after which an append that nobody acknowledged, or a question that nobody answered, fails.
    package var requestTimeout: Int
    /// Whether the process soon ends: then a fetch waits for new records only for a moment, since whatever is read next
    /// waits behind it.
    package var isBrief: Bool
    /// Partitions that stay open for reading though nobody reads them now: nine topics of 256 partitions. Only an open
    /// partition has news, so those who follow need all of theirs.
    var openPartitions = 2_304

    package init(
        bootstrap: String, properties: [String: String] = [:], secrets: [String: String] = [:],
        tokens: (any TokenSource)? = nil, delivery: DeliveryMode = .transactional, prefix: String = "",
        clientName: String = "backhaul", maximumRecordSize: Int = 1 << 20, requestTimeout: Int = 20_000,
        isBrief: Bool = false
    ) {
        self.bootstrap = bootstrap
        self.properties = properties
        self.secrets = secrets
        self.tokens = tokens
        self.delivery = delivery
        self.prefix = prefix
        self.clientName = clientName
        self.maximumRecordSize = maximumRecordSize
        self.requestTimeout = requestTimeout
        self.isBrief = isBrief
    }

    /// The client name of one process. A container's processes have one number and may keep their host's name over a restart:
    /// without the random part a predecessor that was killed would count as this process, and what it left open would wait
    /// for the brokers.
    package static func clientName(role: String, host: String, process: Int32) -> String {
        "backhaul-\(role)-\(host)-\(process)-\(String(UInt64.random(in: .min ... .max), radix: 36))"
    }

    /// The group under whose name positions are asked for; nobody is ever in it.
    var adminGroup: String { Self.adminGroup(prefix: prefix) }

    package static func adminGroup(prefix: String) -> String { prefix + "admin" }

    /// A number among the operator's properties, or the product's default.
    func milliseconds(_ name: String, _ standard: Int) -> Int { properties[name].flatMap(Int.init) ?? standard }

    var sessionTimeout: Int { milliseconds("session.timeout.ms", 8_000) }

    /// No longer than the session: a process that is put out of its groups must not hold readers back any longer.
    var transactionTimeout: Int { min(milliseconds("transaction.timeout.ms", 8_000), sessionTimeout) }

    var maximumPollInterval: Int { milliseconds("max.poll.interval.ms", 60_000) }
}
