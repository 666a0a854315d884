package import BackhaulLog
internal import BackhaulUnits

/// A topic as it must exist in the cluster.
package struct DesiredTopic: Hashable, Sendable {
    package var name: String
    package var partitions: Int
    package var replication: Int
    /// Kafka's topic configuration: only the keys that the program depends on.
    package var configuration: [String: String]
    /// Groups that get a first position when the topic is created, so that a missing one later means loss.
    package var readers: [String]
    /// Whether the partition count must never change, since keys would move to other partitions.
    package var isFixed: Bool

    /// - Parameters:
    ///   - replication: replicas of each partition.
    ///   - isFixed: whether the topic's partition count must never change.
    package init(_ topic: TopicSpecification, replication: Int, isFixed: Bool) {
        name = topic.name
        partitions = topic.partitions
        self.replication = replication
        self.isFixed = isFixed
        readers = []
        configuration = [
            // Delays and ages use one clock, the brokers'.
            "message.timestamp.type": "LogAppendTime",
            // A dead letter is its record with more headers.
            "max.message.bytes": "4194304",
            "min.insync.replicas": String(min(2, max(1, replication - 1))),
            "unclean.leader.election.enable": "false",
        ]
        switch topic.retention {
        case .untilRead(let groups, _):
            readers = groups
            // No limit of time or size: `maintain` truncates behind the slowest reader.
            configuration["retention.ms"] = "-1"
            configuration["retention.bytes"] = "-1"
            configuration["cleanup.policy"] = "delete"
        case .age(let age):
            configuration["retention.ms"] = String(age.inMilliseconds)
            configuration["retention.bytes"] = "-1"
            configuration["cleanup.policy"] = "delete"
        case .compact:
            configuration["cleanup.policy"] = "compact"
            // A takeover reads the whole partition, so it must hold little beyond unfinished work. Kafka never compacts
            // the active segment: by default it is closed at 1 GiB or after 7 days, and then compacted only once half
            // of the log is stale.
            configuration["segment.bytes"] = "16777216"
            configuration["segment.ms"] = "600000"
            configuration["min.cleanable.dirty.ratio"] = "0.1"
            configuration["max.compaction.lag.ms"] = "1200000"
            // A reader that misses a tombstone only reads a checkpoint of a finished record, which is not delivered.
            configuration["delete.retention.ms"] = "3600000"
        }
    }
}
