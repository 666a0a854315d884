internal import BackhaulLog

/// The topics of a store, and the row ids of their partitions.
struct Catalog: Sendable {
    struct Topic: Sendable {
        var id: Int64
        var specification: TopicSpecification
        /// The row ids of the partitions, by partition number.
        var partitions: [Int64]

        /// Whether offsets may be missing: compaction removes records; elsewhere a gap is damage.
        var mayHaveGaps: Bool { specification.retention == .compact }
    }

    private(set) var topics: [String: Topic] = [:]
    private(set) var names: [Int64: TopicPartition] = [:]

    mutating func add(_ topic: Topic) {
        topics[topic.specification.name] = topic
        for (number, id) in topic.partitions.enumerated() {
            names[id] = TopicPartition(topic: topic.specification.name, partition: number)
        }
    }

    /// - Throws: `LogError.unknownTopic`.
    func topic(_ name: String) throws -> Topic {
        guard let topic = topics[name] else { throw LogError.unknownTopic(name) }
        return topic
    }

    /// - Throws: `LogError.unknownTopic`, `unknownPartition`.
    func id(of partition: TopicPartition) throws -> Int64 {
        let topic = try topic(partition.topic)
        guard topic.partitions.indices.contains(partition.partition) else { throw LogError.unknownPartition(partition) }
        return topic.partitions[partition.partition]
    }

    /// The partition of a request.
    /// - Throws: `LogError.unknownTopic`, `unknownPartition`.
    func target(of request: AppendRequest) throws -> TopicPartition {
        let topic = try topic(request.topic)
        switch request.partitioning {
        case .hash(let key):
            return TopicPartition(
                topic: request.topic, partition: Partitioner.partition(of: key, among: topic.partitions.count))
        case .partition(let number):
            let partition = TopicPartition(topic: request.topic, partition: number)
            _ = try id(of: partition)
            return partition
        }
    }
}
