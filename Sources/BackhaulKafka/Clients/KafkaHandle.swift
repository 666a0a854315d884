internal import BackhaulLog
internal import CLibrdkafka
internal import Foundation
internal import Synchronization

/// One librdkafka client. A `KafkaLoop` serves its events; its blocking calls run on a thread of its own.
///
/// Unchecked: librdkafka's client is thread-safe, and the pointer does not change.
final class KafkaHandle: @unchecked Sendable {
    enum Kind: Sendable {
        case producer
        /// A member of a group.
        case member
        /// Reads partitions without a group, queries and administers.
        case reader
        /// As `reader`, for few partitions that are read from end to end.
        case scanner
    }

    let client: OpaquePointer
    /// The queue of its events.
    let queue: OpaquePointer
    let calls: BlockingCalls
    /// Fetches tokens; separate from `calls`, since one of those may be waiting for the token.
    let tokenCalls: BlockingCalls
    /// The last authentication error, such as a wrong password or certificate; nil without one. The calls that fail
    /// because of it report only that they got no answer.
    let refusal = Mutex<KafkaError?>(nil)
    let name: String
    private let kind: Kind

    /// - Parameter properties: set for this use. They override the operator's, which override the program's defaults.
    /// - Throws: `LogError.misconfigured`.
    init(_ kind: Kind, name: String, options: KafkaOptions, properties: [String: String]) throws {
        self.kind = kind
        self.name = name
        calls = BlockingCalls(name: "backhaul.kafka." + name)
        tokenCalls = BlockingCalls(name: "backhaul.kafka.tokens." + name)
        guard let configuration = rd_kafka_conf_new() else { throw LogError.unavailable("out of memory") }
        do {
            try Self.fill(configuration, kind, name, options, properties)
        } catch {
            rd_kafka_conf_destroy(configuration)
            throw error
        }
        var text = [CChar](repeating: 0, count: 512)
        let type = kind == .producer ? RD_KAFKA_PRODUCER : RD_KAFKA_CONSUMER
        guard let client = rd_kafka_new(type, configuration, &text, text.count) else {
            // rd_kafka_new takes ownership of the configuration only when it succeeds.
            rd_kafka_conf_destroy(configuration)
            throw LogError.misconfigured(Self.text(text))
        }
        // Delivers log lines as events, not on librdkafka's own threads.
        rd_kafka_set_log_queue(client, nil)
        if kind == .member {
            rd_kafka_poll_set_consumer(client)
            queue = rd_kafka_queue_get_consumer(client)
        } else {
            queue = rd_kafka_queue_get_main(client)
        }
        self.client = client
    }

    private static func fill(
        _ configuration: OpaquePointer, _ kind: Kind, _ name: String, _ options: KafkaOptions,
        _ own: [String: String]
    ) throws {
        // librdkafka before 2.10 leaves Nagle's algorithm on, which delays small requests by 40 ms each.
        var all = ["socket.nagle.disable": "true", "socket.keepalive.enable": "true", "log.connection.close": "false"]
        all.merge(standard(kind, options)) { _, new in new }
        for (property, value) in options.properties.sorted(by: { $0.key < $1.key }) {
            guard let refusal = OwnedProperties.refusal(property, value) else { continue }
            throw LogError.misconfigured("property '\(property)' cannot be set: \(refusal)")
        }
        all.merge(options.properties) { _, new in new }
        all.merge(options.secrets) { _, new in new }
        all.merge(own) { _, new in new }
        all.merge(["bootstrap.servers": options.bootstrap, "client.id": options.clientName, "log.queue": "true"]) {
            _, new in new
        }
        for (property, value) in all {
            // The operator sets properties for producers and consumers; librdkafka warns about those of the other kind.
            guard kind == .producer || !producerOnly.contains(property) else { continue }
            guard kind != .producer || !consumerOnly.contains(property) else { continue }
            guard kind == .member || !memberOnly.contains(property) else { continue }
            var text = [CChar](repeating: 0, count: 512)
            guard rd_kafka_conf_set(configuration, property, value, &text, text.count) == RD_KAFKA_CONF_OK else {
                throw LogError.misconfigured("kafka property '\(property)': \(Self.text(text))")
            }
        }
        let events =
            RD_KAFKA_EVENT_REBALANCE | RD_KAFKA_EVENT_FETCH | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_OFFSET_COMMIT
            | RD_KAFKA_EVENT_STATS | RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_LOG
        rd_kafka_conf_set_events(configuration, events)
        if options.tokens != nil {
            rd_kafka_conf_set_events(configuration, events | RD_KAFKA_EVENT_OAUTHBEARER_TOKEN_REFRESH)
        }
    }

    private static func standard(_ kind: Kind, _ options: KafkaOptions) -> [String: String] {
        switch kind {
        case .producer:
            [
                "enable.idempotence": "true", "acks": "all", "linger.ms": "0", "message.max.bytes": "4194304",
                // A transaction begins while the coordinator still writes the markers of the previous one, and has to
                // retry: with the default of 100 ms no settlement would take less.
                "retry.backoff.ms": "5",
            ]
        case .member:
            [
                "enable.auto.commit": "false", "enable.auto.offset.store": "false", "auto.offset.reset": "error",
                "partition.assignment.strategy": "cooperative-sticky", "isolation.level": "read_committed",
                "enable.partition.eof": "true", "heartbeat.interval.ms": "1000", "session.timeout.ms": "8000",
                "max.poll.interval.ms": "60000", "fetch.wait.max.ms": "500",
                // These limits apply to each partition, since each has a queue: about a second of work, not a backlog.
                // librdkafka fetches a partition with a full queue again after a second, so a response must last that
                // long.
                "queued.min.messages": "500", "queued.max.messages.kbytes": "256",
                "fetch.message.max.bytes": "393216", "fetch.max.bytes": "3145728",
            ]
        case .reader:
            [
                "enable.auto.commit": "false", "enable.auto.offset.store": "false", "auto.offset.reset": "earliest",
                "enable.partition.eof": "true", "fetch.wait.max.ms": options.isBrief ? "5" : "50",
                "queued.min.messages": "2000",
                "queued.max.messages.kbytes": "1024", "fetch.message.max.bytes": "524288",
            ]
        case .scanner:
            // librdkafka before 2.2 leaves a partition with a full queue alone for a second: the queue lasts that long.
            standard(.reader, options).merging([
                "queued.min.messages": "10000", "queued.max.messages.kbytes": "6144",
                "fetch.message.max.bytes": "1048576",
            ]) { _, new in new }
        }
    }

    /// Not set for consumers: librdkafka would warn about each at every start.
    private static let producerOnly: Set<String> = [
        "transaction.timeout.ms", "linger.ms", "queue.buffering.max.ms", "queue.buffering.max.messages",
        "queue.buffering.max.kbytes", "batch.num.messages", "batch.size", "compression.codec", "compression.type",
        "compression.level", "delivery.timeout.ms", "message.timeout.ms", "request.timeout.ms",
        // A consumer only compares it with fetch.max.bytes.
        "message.max.bytes", "message.send.max.retries",
        "retries", "enable.idempotence", "acks", "sticky.partitioning.linger.ms",
    ]
    /// librdkafka checks these against each other. A client outside a group keeps its defaults, which one value of the
    /// operator could contradict.
    private static let memberOnly: Set<String> = [
        "session.timeout.ms", "heartbeat.interval.ms", "max.poll.interval.ms",
    ]
    private static let consumerOnly: Set<String> = [
        "session.timeout.ms", "heartbeat.interval.ms", "max.poll.interval.ms", "fetch.wait.max.ms",
        "fetch.message.max.bytes", "max.partition.fetch.bytes", "fetch.max.bytes", "fetch.min.bytes",
        "fetch.error.backoff.ms", "queued.min.messages", "queued.max.messages.kbytes", "check.crcs",
        "isolation.level", "auto.offset.reset", "client.rack",
    ]

    private static func text(_ buffer: [CChar]) -> String {
        String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// How long a closing client is waited for. A broker that died leaves requests without answers for 20 s each, and
    /// the clients of a process are closed within `shutdown.maximum`.
    static let closingAllowance = Duration.seconds(5)

    /// Destroys the client on its own thread, after its earlier calls; nothing may use it afterwards. Waits for its
    /// connections to close, at most `closingAllowance`: what remains ends by itself or with the process.
    /// - Parameters:
    ///   - live: the clients that receive new credentials; the client is removed from them first.
    ///   - first: called before, on the same thread.
    /// - Returns: whether the client is destroyed.
    @discardableResult
    func destroy(from live: LiveClients, first: @escaping @Sendable () -> Void = {}) async -> Bool {
        live.remove(self)
        return await calls.end(with: tokenCalls, within: Self.closingAllowance) { [self] in
            first()
            rd_kafka_queue_destroy(queue)
            // A member has already left its group, or must vanish from it without a leave.
            rd_kafka_destroy_flags(client, Int32(RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE))
        }
    }

    /// The fatal error of the client; nil while it is usable.
    var fatalError: KafkaError? {
        var text = [CChar](repeating: 0, count: 512)
        let code = rd_kafka_fatal_error(client, &text, text.count)
        guard code != RD_KAFKA_RESP_ERR_NO_ERROR else { return nil }
        var failure = KafkaError(code, Self.text(text))
        failure.isFatal = true
        return failure
    }
}
