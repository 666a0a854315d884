/// How long a topic keeps its records.
package enum Retention: Hashable, Sendable {
    /// Until every reader group is past them, and at least `milliseconds` after their append: the audit's horizon.
    case untilRead(by: [String], atLeast: Int64)
    /// For `milliseconds` after their append.
    case age(Int64)
    /// The last record of each key, for good; tombstones (null values) go once compacted.
    case compact
}

/// A topic as it should be.
package struct TopicSpecification: Hashable, Sendable {
    package var name: String
    package var partitions: Int
    package var retention: Retention
    /// Topics whose records this one's records answer: it keeps each of its own at least as long as they keep one that is
    /// older. What is forgotten is then forgotten whole.
    package var answers: [String]

    package init(name: String, partitions: Int, retention: Retention, answers: [String] = []) {
        self.name = name
        self.partitions = partitions
        self.retention = retention
        self.answers = answers
    }
}

/// The records that a partition holds: `earliest` ..< `end`.
package struct PartitionBounds: Hashable, Sendable {
    package var partition: TopicPartition
    /// The offset of the first record still held.
    package var earliest: Int64
    /// The offset that the next record will get.
    package var end: Int64

    package init(partition: TopicPartition, earliest: Int64, end: Int64) {
        self.partition = partition
        self.earliest = earliest
        self.end = end
    }
}
