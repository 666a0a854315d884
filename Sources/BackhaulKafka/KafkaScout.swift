internal import BackhaulLog

/// The client that asks and administers, and that sees what is written before it is decided.
actor KafkaScout {
    private let clients: KafkaClients
    nonisolated var unownedExecutor: UnownedSerialExecutor { clients.loop.executor.asUnownedSerialExecutor() }

    private var handle: KafkaHandle?
    private var isClosed = false

    init(_ clients: KafkaClients) {
        self.clients = clients
    }

    func working() throws -> KafkaHandle {
        guard !isClosed else { throw LogError.closed }
        if let handle { return handle }
        let made = try clients.open(
            .reader, name: "scout",
            properties: [
                "isolation.level": "read_uncommitted",
                // Never joined. A client without a group has no coordinator state, and librdkafka (2.0.2 to 2.5 at least)
                // touches it when a group's positions are asked of a broker that no longer coordinates the group: a
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
