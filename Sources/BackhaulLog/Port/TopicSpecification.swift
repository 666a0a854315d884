/// How long a topic keeps its records.
package enum Retention: Hashable, Sendable {
    /// Until every reader group is past them, and for at least `atLeast` after their append: the audit's
    /// horizon.
    case untilRead(by: [String], atLeast: Duration)
    /// For this long after their append.
    case age(Duration)
    /// The last record of each key, permanently; compaction removes tombstones (null values).
    case compact
}

/// The required state of a topic.
package struct TopicSpecification: Hashable, Sendable {
    package var name: String
    package var partitions: Int
    package var retention: Retention
    /// Topics whose records this topic's records answer: it keeps each record at least as long as they keep an
    /// older one, so that an answer is not removed before what it answers.
    package var answers: [String]

    package init(name: String, partitions: Int, retention: Retention, answers: [String] = []) {
        self.name = name
        self.partitions = partitions
        self.retention = retention
        self.answers = answers
    }
}

/// The range of a partition's records: `earliest` ..< `end`.
package struct PartitionBounds: Hashable, Sendable {
    package var partition: TopicPartition
    /// The offset of the first stored record.
    package var earliest: Int64
    /// The offset that the next record will get.
    package var end: Int64

    package init(partition: TopicPartition, earliest: Int64, end: Int64) {
        self.partition = partition
        self.earliest = earliest
        self.end = end
    }
}
