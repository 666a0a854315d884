package import BackhaulLog

/// A topic as Kafka is to hold it.
package struct DesiredTopic: Hashable, Sendable {
    package var name: String
    package var partitions: Int
    package var replication: Int
    /// Kafka's topic configuration: only what the product needs to be so.
    package var configuration: [String: String]
    /// Groups that need a position from the beginning, so that a missing one later means loss.
    package var readers: [String]
    /// Its partition count may never change: keys would move to other partitions.
    package var isFixed: Bool

    /// - Parameters:
    ///   - replication: copies of each partition.
    ///   - isFixed: whether the topic's partition count is for good.
    package init(_ topic: TopicSpecification, replication: Int, isFixed: Bool) {
        name = topic.name
        partitions = topic.partitions
        self.replication = replication
        self.isFixed = isFixed
        readers = []
        configuration = [
            // Delays and ages go by one clock, the brokers'.
            "message.timestamp.type": "LogAppendTime",
            // A dead letter is its record and some headers more.
            "max.message.bytes": "4194304",
            "min.insync.replicas": String(min(2, max(1, replication - 1))),
            "unclean.leader.election.enable": "false",
        ]
        switch topic.retention {
        case .untilRead(let groups, _):
            readers = groups
            // No limit of time or size: truncated behind the slowest reader.
            configuration["retention.ms"] = "-1"
            configuration["retention.bytes"] = "-1"
            configuration["cleanup.policy"] = "delete"
        case .age(let age):
            configuration["retention.ms"] = String(age)
            configuration["retention.bytes"] = "-1"
            configuration["cleanup.policy"] = "delete"
        case .compact:
            configuration["cleanup.policy"] = "compact"
            // Whoever takes a partition over reads all of it, so it is to hold what is unfinished and little else. The
            // segment that is written to is never compacted: by default it is closed at 1 GiB or after 7 days, and then
            // compacted only once half of the log is stale.
            configuration["segment.bytes"] = "16777216"
            configuration["segment.ms"] = "600000"
            configuration["min.cleanable.dirty.ratio"] = "0.1"
            configuration["max.compaction.lag.ms"] = "1200000"
            // A reader that misses a tombstone finds a checkpoint of a record that is finished, which nobody delivers.
            configuration["delete.retention.ms"] = "3600000"
        }
    }
}
