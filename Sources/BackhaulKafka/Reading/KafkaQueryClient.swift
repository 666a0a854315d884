internal import BackhaulLog
internal import BackhaulUnits

/// A client for queries and administration that fetches nothing: a broker answers the requests of a connection in
/// order, so a query behind a fetch would wait as long as the fetch does.
actor KafkaQueryClient {
    /// Which end of a partition its queries return.
    enum Sight: String, Sendable {
        /// The last stable offset: everything before it is committed or aborted.
        case committed = "read_committed"
        /// The end of all records, those of open transactions included.
        case uncommitted = "read_uncommitted"
    }

    private let clients: KafkaClients
    nonisolated var unownedExecutor: UnownedSerialExecutor { clients.loop.executor.asUnownedSerialExecutor() }

    /// A query for an edge of some partitions; `answer` is nil until it is answered.
    private struct Question {
        let partitions: [TopicPartition]
        var answer: Result<[TopicPartition: Int64], LogError>?
    }

    private let sight: Sight
    private let turn = FIFOLock()
    private var questions: [Edge: [Int: Question]] = [:]
    private var asked = 0
    private var handle: KafkaHandle?
    private var isClosed = false

    init(_ clients: KafkaClients, sees sight: Sight) {
        self.clients = clients
        self.sight = sight
    }

    /// The client; created when there is none.
    func readyHandle() throws -> KafkaHandle {
        guard !isClosed else { throw LogError.closed }
        if let handle { return handle }
        let made = try clients.open(
            .reader, name: "ask." + (sight == .committed ? "committed" : "written"),
            properties: [
                "isolation.level": sight.rawValue,
                // The client never joins this group. Without a group a client has no coordinator state, which
                // librdkafka 2.0.2 accesses when it queries positions from a broker that no longer coordinates the
                // group: a segmentation fault (confluent-kafka-javascript#374; rd_kafka_handle_OffsetFetch ->
                // rd_kafka_cgrp_op).
                "group.id": clients.options.adminGroup,
            ])
        handle = made
        return made
    }

    enum Edge: Int64, Sendable {
        case earliest = -2
        /// The offset after the last record that this client may see.
        case end = -1
    }

    /// One edge of each partition, as it is at the call or later.
    ///
    /// A client sends its queries one after the other, and a process that takes over 256 partitions has a thousand. So
    /// all queries that arrive while one is in flight are sent together as the next one.
    /// - Throws: `LogError`.
    func edges(_ partitions: [TopicPartition], _ edge: Edge) async throws -> [TopicPartition: Int64] {
        asked += 1
        let id = asked
        questions[edge, default: [:]][id] = Question(partitions: partitions)
        defer { questions[edge]?[id] = nil }
        return try await turn.withLock {
            if let answer = questions[edge]?[id]?.answer { return try answer.get() }
            // All of these calls began before this request is sent.
            let open = (questions[edge] ?? [:]).filter { $0.value.answer == nil }
            do {
                let found = try await offsets(Array(Set(open.values.flatMap(\.partitions))), at: edge.rawValue)
                for (id, question) in open {
                    let answer = question.partitions.compactMap { partition in found[partition].map { (partition, $0) }
                    }
                    questions[edge]?[id]?.answer = .success(Dictionary(answer) { first, _ in first })
                }
            } catch let error as LogError where error.mayPass {
                // Unavailable brokers fail all the queries: sent one after the other, each would wait for a time-out.
                for id in open.keys { questions[edge]?[id]?.answer = .failure(error) }
            } catch is LogError where open.count > 1 {
                // The error does not say which partition caused it, so each call queries its own.
                return try await offsets(partitions, at: edge.rawValue)
            }
            return try questions[edge]?[id]?.answer?.get() ?? [:]
        }
    }

    /// The offset of each partition's first record at or after a time; -1 for none.
    /// - Throws: `LogError`.
    func offsets(_ partitions: [TopicPartition], since time: Timestamp) async throws -> [TopicPartition: Int64] {
        try await offsets(partitions, at: time.milliseconds)
    }

    /// - Parameter time: milliseconds since 1970, or an edge.
    private func offsets(_ partitions: [TopicPartition], at time: Int64) async throws -> [TopicPartition: Int64] {
        try await readyHandle().offsets(partitions, time: time, timeout: clients.options.requestMilliseconds)
    }

    func close() async {
        isClosed = true
        if let handle { await clients.close(handle) }
        handle = nil
    }
}
