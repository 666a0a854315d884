package import BackhaulUnits

/// How a settlement is written.
package enum DeliveryMode: String, Hashable, Sendable, CaseIterable {
    /// Records and positions in one transaction.
    case transactional = "exactly-once"
    /// Records first, then positions: after a crash between the two the next owner writes the records again.
    case atLeastOnce = "at-least-once"
}

/// The address and the options of a Kafka log.
package struct KafkaOptions: Sendable {
    /// `host:port,host:port`.
    package var bootstrap: String
    /// The operator's librdkafka properties; those in `OwnedProperties` are not allowed.
    package var properties: [String: String]
    /// Properties whose values are secrets: never logged or shown.
    package var secrets: [String: String]
    /// The source of tokens when `sasl.mechanism` is OAUTHBEARER.
    package var tokens: (any TokenSource)?
    package var delivery: DeliveryMode
    /// The prefix of this program's topics; topics without it are ignored.
    package var prefix: String
    /// The `client.id`; transactional ids begin with `prefix` and this name.
    package var clientName: String
    /// The largest record that `append` accepts. A settlement may write larger ones.
    package var maximumRecordSize: ByteCount
    /// The time after which an unacknowledged append or an unanswered request fails.
    package var requestTimeout: Duration
    /// Whether the process ends soon. A fetch then waits only 5 ms for records, since the next read waits for it.
    package var isBrief: Bool
    /// The number of partitions that the reader keeps open: nine topics of 256 partitions. Only an open partition
    /// reports changes, so a caller that watches partitions needs all of them open.
    var openPartitions = 2_304

    package init(
        bootstrap: String, properties: [String: String] = [:], secrets: [String: String] = [:],
        tokens: (any TokenSource)? = nil, delivery: DeliveryMode = .transactional, prefix: String = "",
        clientName: String = "backhaul", maximumRecordSize: ByteCount = ByteCount(1 << 20),
        requestTimeout: Duration = .seconds(20), isBrief: Bool = false
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

    /// A client name that is unique to the process. In a container the process number and the host name may stay the
    /// same after a restart: without the random part a killed predecessor would count as this process, and its open
    /// transactions would stay open until the brokers end them.
    package static func clientName(role: String, host: String, process: Int32) -> String {
        "backhaul-\(role)-\(host)-\(process)-\(String(UInt64.random(in: .min ... .max), radix: 36))"
    }

    /// The group whose name the query clients use; it never has members.
    var adminGroup: String { Self.adminGroup(prefix: prefix) }

    package static func adminGroup(prefix: String) -> String { prefix + "admin" }

    /// `requestTimeout` for librdkafka.
    var requestMilliseconds: Int { Int(clamping: requestTimeout.inMilliseconds) }

    /// A number from the operator's properties, or the program's default.
    func milliseconds(_ name: String, _ standard: Int) -> Int { properties[name].flatMap(Int.init) ?? standard }

    var sessionTimeout: Int { milliseconds("session.timeout.ms", 8_000) }

    /// At most the session time-out: the transaction of an evicted process must not block readers longer than that.
    var transactionTimeout: Int { min(milliseconds("transaction.timeout.ms", 8_000), sessionTimeout) }

    var maximumPollInterval: Int { milliseconds("max.poll.interval.ms", 60_000) }
}
