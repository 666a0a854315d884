internal import BackhaulLog

/// A client that asks and administers, and fetches nothing: a broker answers the requests of a connection in their order,
/// so a question behind a fetch waits as long as the fetch does.
actor KafkaScout {
    /// What its questions for the end of a partition are answered with.
    enum Sight: String, Sendable {
        /// The end of what is decided.
        case committed = "read_committed"
        /// The end of what is written, decided or not.
        case uncommitted = "read_uncommitted"
    }

    private let clients: KafkaClients
    nonisolated var unownedExecutor: UnownedSerialExecutor { clients.loop.executor.asUnownedSerialExecutor() }

    /// A question for an edge of some partitions.
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

    func working() throws -> KafkaHandle {
        guard !isClosed else { throw LogError.closed }
        if let handle { return handle }
        let made = try clients.open(
            .reader, name: "ask." + (sight == .committed ? "committed" : "written"),
            properties: [
                "isolation.level": sight.rawValue,
                // Never joined. A client without a group has no coordinator state, and librdkafka 2.0.2 touches
                // it when a group's positions are asked of a broker that no longer coordinates the group: a
                // segmentation fault (confluent-kafka-javascript#374; rd_kafka_handle_OffsetFetch -> rd_kafka_cgrp_op).
                "group.id": clients.options.adminGroup,
            ])
        handle = made
        return made
    }

    enum Edge: Int64, Sendable {
        case earliest = -2
        /// Behind the last record that this client may see.
        case end = -1
    }

    /// One edge of each partition, as it is at the call or later.
    ///
    /// A client's questions go one after the other, and a process that takes 256 partitions over has a thousand. What is asked
    /// while another question is on its way is asked together, with the next.
    /// - Throws: `LogError`.
    func edges(_ partitions: [TopicPartition], _ edge: Edge) async throws -> [TopicPartition: Int64] {
        asked += 1
        let id = asked
        questions[edge, default: [:]][id] = Question(partitions: partitions)
        defer { questions[edge]?[id] = nil }
        return try await turn.withLock {
            if let answer = questions[edge]?[id]?.answer { return try answer.get() }
            // All of them were asked before this one goes out.
            let open = (questions[edge] ?? [:]).filter { $0.value.answer == nil }
            do {
                let found = try await offsets(Array(Set(open.values.flatMap(\.partitions))), since: edge.rawValue)
                for (id, question) in open {
                    let answer = question.partitions.compactMap { partition in found[partition].map { (partition, $0) }
                    }
                    questions[edge]?[id]?.answer = .success(Dictionary(answer) { first, _ in first })
                }
            } catch let error as LogError where error.mayPass {
                // Brokers that are away are away for all of them: one after the other, each would wait a time-out.
                for id in open.keys { questions[edge]?[id]?.answer = .failure(error) }
            } catch is LogError where open.count > 1 {
                // Whose partition it is, it does not say: each asks for its own.
                return try await offsets(partitions, since: edge.rawValue)
            }
            return try questions[edge]?[id]?.answer?.get() ?? [:]
        }
    }

    /// The first offset of each partition whose record is not older than a time in milliseconds since 1970; -1 for none.
    /// - Throws: `LogError`.
    func offsets(_ partitions: [TopicPartition], since time: Int64) async throws -> [TopicPartition: Int64] {
        try await working().offsets(partitions, time: time, timeout: clients.options.requestTimeout)
    }

    func close() async {
        isClosed = true
        if let handle { await clients.close(handle) }
        handle = nil
    }
}
