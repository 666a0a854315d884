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

    private let sight: Sight
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

    func close() async {
        isClosed = true
        if let handle { await clients.close(handle) }
        handle = nil
    }
}
