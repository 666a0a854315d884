internal import BackhaulLog
internal import CLibrdkafka
internal import Foundation
internal import Logging

/// The consumer of one group. Owned by a session; used on the log's loop only.
final class GroupMember {
    /// Rebalance events of the group, in order.
    enum News {
        case assign([TopicPartition])
        case revoke([TopicPartition])
        case lost([TopicPartition])

        /// The label in metrics.
        var word: String {
            switch self {
            case .assign: "assigned"
            case .revoke: "revoked"
            case .lost: "lost"
            }
        }
    }

    let group: String
    let handle: KafkaHandle
    /// Whether the client has received an assignment, even an empty one. librdkafka 2.0.2 fails an assertion when a
    /// client is destroyed between its first join and its first assignment (`rd_kafka_sticky_assignor_state_destroy` of
    /// a state that does not exist yet): such a client lives until the process ends.
    var wasAssigned = false
    private(set) var queues: [TopicPartition: PartitionQueue] = [:]
    private let loop: KafkaLoop

    init(group: String, handle: KafkaHandle, loop: KafkaLoop) {
        self.group = group
        self.handle = handle
        self.loop = loop
    }

    /// Subscribes to the topics and begins to join the group.
    /// - Throws: `LogError`.
    func join(_ topics: [String]) throws {
        let list = PartitionList(topics.map { TopicPartition(topic: $0, partition: Int(RD_KAFKA_PARTITION_UA)) })
        do {
            try KafkaError.check(rd_kafka_subscribe(handle.client, list.pointer))
        } catch {
            throw error.logError("joining group '\(group)'")
        }
    }

    /// Decodes a rebalance event; nil for any other event.
    static func news(_ event: KafkaLoop.Event, of client: OpaquePointer) -> News? {
        guard rd_kafka_event_type(event.pointer) == RD_KAFKA_EVENT_REBALANCE else { return nil }
        let partitions = PartitionList.entries(of: rd_kafka_event_topic_partition_list(event.pointer)).map(\.partition)
        if rd_kafka_event_error(event.pointer) == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS { return .assign(partitions) }
        return rd_kafka_assignment_lost(client) != 0 ? .lost(partitions) : .revoke(partitions)
    }

    /// Whether the group has reassigned this member's partitions without a revocation.
    var isLost: Bool { rd_kafka_assignment_lost(handle.client) != 0 }

    private var isCooperative: Bool {
        guard let protocolName = rd_kafka_rebalance_protocol(handle.client) else { return true }
        return String(cString: protocolName) != "EAGER"
    }

    /// Answers an assignment: reads from these positions, each partition into its own queue.
    func assign(_ positions: [TopicPartition: GroupPosition]) throws {
        let list = PartitionList(capacity: positions.count)
        for (partition, position) in positions {
            list.add(partition, offset: position.frontier)
            // Separates the queue from the consumer's before the first fetch; the separation outlasts the assignment.
            guard
                let queue = rd_kafka_queue_get_partition(
                    handle.client, partition.topic, Int32(clamping: partition.partition))
            else { continue }
            rd_kafka_queue_forward(queue, nil)
            loop.watch(queue)
            queues[partition] = PartitionQueue(partition: partition, pointer: queue)
        }
        if isCooperative {
            try KafkaError.check(rd_kafka_incremental_assign(handle.client, list.pointer))
        } else {
            try KafkaError.check(rd_kafka_assign(handle.client, list.pointer))
        }
    }

    /// The first offset that the partition still has, as last reported to this client; nil when unknown.
    func earliest(of partition: TopicPartition) -> Int64? {
        var low: Int64 = -1
        var high: Int64 = -1
        let code = rd_kafka_get_watermark_offsets(
            handle.client, partition.topic, Int32(clamping: partition.partition), &low, &high)
        return code == RD_KAFKA_RESP_ERR_NO_ERROR && low >= 0 ? low : nil
    }

    /// Answers a revocation or a loss.
    func unassign(_ partitions: [TopicPartition]) throws {
        for partition in partitions { dropQueue(partition) }
        if isCooperative {
            let list = PartitionList(partitions)
            try KafkaError.check(rd_kafka_incremental_unassign(handle.client, list.pointer))
        } else {
            try KafkaError.check(rd_kafka_assign(handle.client, nil))
        }
    }

    private func dropQueue(_ partition: TopicPartition) {
        guard let queue = queues.removeValue(forKey: partition) else { return }
        loop.unwatch(queue.pointer)
        rd_kafka_queue_destroy(queue.pointer)
    }

    func dropQueues() {
        for partition in Array(queues.keys) { dropQueue(partition) }
    }

    /// This member's identity for transactions; nil while it is not in the group, since brokers accept a transaction
    /// without a generation unchecked.
    func identity() throws -> MemberIdentity? {
        guard let metadata = rd_kafka_consumer_group_metadata(handle.client) else { return nil }
        let identity = MemberIdentity(metadata)
        // librdkafka has no function that returns the generation, but its serialised metadata contain it: "CGMDv2:",
        // then an int32 in the machine's byte order (rd_kafka_consumer_group_metadata_write).
        var buffer: UnsafeMutableRawPointer?
        var size = 0
        try KafkaError.check(rd_kafka_consumer_group_metadata_write(metadata, &buffer, &size))
        guard let buffer else { return nil }
        defer { free(buffer) }
        let bytes = UnsafeRawBufferPointer(start: buffer, count: size)
        guard size >= 11, bytes.prefix(7).elementsEqual("CGMDv2:".utf8) else {
            throw KafkaError(
                RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE,
                "this librdkafka writes group metadata in an unknown format; use 2.0.2 to 2.16")
        }
        let generation = bytes.loadUnaligned(fromByteOffset: 7, as: Int32.self)
        return generation >= 0 ? identity : nil
    }
}
