package import BackhaulLog

/// The differences between the desired topics and the existing ones; pure. It never deletes or shrinks a topic.
package struct TopicPlan: Hashable, Sendable {
    package enum Change: Hashable, Sendable {
        case create(DesiredTopic)
        case grow(topic: String, from: Int, to: Int)
        /// `before` is nil when the broker's default was in effect.
        case configure(topic: String, key: String, before: String?, after: String)
        /// A group's first position. `restored` when the partition may already have records, which are then read again.
        case position(group: String, partition: TopicPartition, restored: Bool)
    }

    package var changes: [Change] = []
    /// What no change can fix: each text names the topic and what to do.
    package var problems: [String] = []
    /// What works but is not as desired.
    package var remarks: [String] = []

    package var isEmpty: Bool { changes.isEmpty && problems.isEmpty }

    package init(desired: [DesiredTopic], actual: [String: ActualTopic]) {
        for topic in desired {
            guard let found = actual[topic.name] else {
                changes.append(.create(topic))
                for reader in topic.readers {
                    for number in 0..<topic.partitions {
                        changes.append(
                            .position(
                                group: reader, partition: TopicPartition(topic: topic.name, partition: number),
                                restored: false))
                    }
                }
                continue
            }
            compare(topic, found)
        }
    }

    private mutating func compare(_ topic: DesiredTopic, _ found: ActualTopic) {
        if found.partitions != topic.partitions {
            if topic.isFixed {
                problems.append(
                    "topic '\(topic.name)' has \(found.partitions) partitions, not \(topic.partitions), and their "
                        + "number must not change: a task's outcomes and results must stay in partitions of the same "
                        + "number; set topics.partitions to \(found.partitions), or use a new topics.prefix")
            } else if found.partitions > topic.partitions {
                problems.append(
                    "topic '\(topic.name)' has \(found.partitions) partitions, not \(topic.partitions), and Kafka "
                        + "cannot remove partitions; set topics.partitions to \(found.partitions)")
            } else {
                changes.append(.grow(topic: topic.name, from: found.partitions, to: topic.partitions))
            }
        }
        if found.replication != topic.replication {
            remarks.append(
                "topic '\(topic.name)' has \(found.replication) replicas, not \(topic.replication); "
                    + "kafka-reassign-partitions.sh changes that")
        }
        for (key, value) in topic.configuration.sorted(by: { $0.key < $1.key }) {
            // With fewer replicas than desired, the desired minimum could block every write.
            let value =
                key == "min.insync.replicas"
                ? String(min(Int(value) ?? 1, max(1, found.replication - (found.replication > 1 ? 1 : 0)))) : value
            let now = found.configuration.values[key]
            guard now != value else { continue }
            changes.append(
                .configure(
                    topic: topic.name, key: key, before: found.configuration.own.contains(key) ? now : nil, after: value
                ))
        }
        for reader in topic.readers {
            let stands = found.positions[reader] ?? []
            for number in 0..<max(topic.partitions, found.partitions) where !stands.contains(number) {
                changes.append(
                    .position(
                        group: reader, partition: TopicPartition(topic: topic.name, partition: number),
                        restored: number < found.partitions && !found.unwritten.contains(number)))
            }
        }
    }

    /// The differences that keep a role from starting: missing or contradicting topics. A different configuration does
    /// so only where it could lose records.
    package var obstacles: [String] {
        problems
            + changes.compactMap { change in
                switch change {
                case .create(let topic): "topic '\(topic.name)' does not exist"
                case .grow(let topic, let from, let to): "topic '\(topic)' has \(from) partitions, not \(to)"
                case .configure(let topic, let key, let before, let after)
                where ["cleanup.policy", "message.timestamp.type"].contains(key):
                    "topic '\(topic)' has \(key)=\(before ?? "the broker's default"), not \(after)"
                case .configure(let topic, "retention.ms", let before, "-1"):
                    "topic '\(topic)' deletes unread records after retention.ms=\(before ?? "the broker's default")"
                case .configure: nil
                case .position(let group, let partition, _): "group '\(group)' has no position in \(partition)"
                }
            }
    }
}
