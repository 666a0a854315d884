internal import BackhaulLog
internal import CLibrdkafka
internal import Foundation
internal import Synchronization

/// One librdkafka client. Its events are served on a `KafkaLoop`; its waiting calls run on a thread of its own.
///
/// Unchecked: librdkafka's client is thread-safe; the pointer does not change.
final class KafkaHandle: @unchecked Sendable {
    enum Kind: Sendable {
        case producer
        /// A member of a group.
        case member
        /// Reads by partition, asks and administers.
        case reader
    }

    let client: OpaquePointer
    /// Where its events arrive.
    let queue: OpaquePointer
    let calls: BlockingCalls
    /// Tokens are fetched apart from the calls: such a call may be waiting for the token.
    let tokenCalls: BlockingCalls
    /// Why the brokers last turned this client away, if they did: a password or certificate that is wrong. Calls only
    /// say that they got no answer.
    let refusal = Mutex<KafkaFailure?>(nil)
    let name: String
    private let kind: Kind

    /// - Parameter properties: what the product sets for this use. They go above the operator's, which go above the
    ///   product's defaults.
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
            // Only a client that was made owns its configuration.
            rd_kafka_conf_destroy(configuration)
            throw LogError.misconfigured(Self.text(text))
        }
        // Log lines arrive as events, not on librdkafka's own threads.
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
        // Before 2.10 Nagle's algorithm is on by default and stalls small requests for 40 ms at a time.
        var all = ["socket.nagle.disable": "true", "socket.keepalive.enable": "true", "log.connection.close": "false"]
        all.merge(standard(kind, options)) { _, new in new }
        for property in options.properties.keys.sorted() {
            guard let refusal = OwnedProperties.refusal(property) else { continue }
            throw LogError.misconfigured("property '\(property)' cannot be set: \(refusal)")
        }
        all.merge(options.properties) { _, new in new }
        all.merge(options.secrets) { _, new in new }
        all.merge(own) { _, new in new }
        all.merge(["bootstrap.servers": options.bootstrap, "client.id": options.clientName, "log.queue": "true"]) {
            _, new in new
        }
        for (property, value) in all {
            // Both sides' properties may be given; librdkafka would only warn of the other side's.
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
                // A transaction begins while the coordinator still writes the markers of the one before, and is asked to
                // come again: the default of 100 ms would be the least that a settlement takes.
                "retry.backoff.ms": "5",
            ]
        case .member:
            [
                "enable.auto.commit": "false", "enable.auto.offset.store": "false", "auto.offset.reset": "error",
                "partition.assignment.strategy": "cooperative-sticky", "isolation.level": "read_committed",
                "enable.partition.eof": "true", "heartbeat.interval.ms": "1000", "session.timeout.ms": "8000",
                "max.poll.interval.ms": "60000", "fetch.wait.max.ms": "500",
                // Partitions have queues of their own, so these hold for each: a second's work in hand, not a backlog; a
                // partition whose queue is full is not asked for again for a second, so one answer has to last as long.
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
        }
    }

    /// Given for the other side of the program; librdkafka would warn of each at every start.
    private static let producerOnly: Set<String> = [
        "transaction.timeout.ms", "linger.ms", "queue.buffering.max.ms", "queue.buffering.max.messages",
        "queue.buffering.max.kbytes", "batch.num.messages", "batch.size", "compression.codec", "compression.type",
        "compression.level", "delivery.timeout.ms", "message.timeout.ms", "request.timeout.ms",
        // A consumer compares it with fetch.max.bytes and else makes nothing of it.
        "message.max.bytes", "message.send.max.retries",
        "retries", "enable.idempotence", "acks", "sticky.partitioning.linger.ms",
    ]
    /// They hold each other's defaults: given to a client that is in no group, they could contradict those.
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

    /// Lets the client go, on its own thread: nothing may use it any more. Waits for its connections to close.
    /// - Parameter live: where it is spoken to; it is taken out first.
    func destroy(from live: LiveClients) async {
        live.remove(self)
        _ = try? await tokenCalls.run {}
        _ = try? await calls.run { [self] in
            rd_kafka_queue_destroy(queue)
            // A member has left its group in order, or is meant to vanish from it.
            rd_kafka_destroy_flags(client, Int32(RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE))
        }
    }

    /// The error that made the client unusable, if there is one.
    var fatalError: KafkaFailure? {
        var text = [CChar](repeating: 0, count: 512)
        let code = rd_kafka_fatal_error(client, &text, text.count)
        guard code != RD_KAFKA_RESP_ERR_NO_ERROR else { return nil }
        var failure = KafkaFailure(code, Self.text(text))
        failure.isFatal = true
        return failure
    }
}
