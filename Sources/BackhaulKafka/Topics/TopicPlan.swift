package import BackhaulLog

/// What separates the topics that are wanted from those that are there; pure. It never deletes and never shrinks.
package struct TopicPlan: Hashable, Sendable {
    package enum Change: Hashable, Sendable {
        case create(DesiredTopic)
        case grow(topic: String, from: Int, to: Int)
        /// `before` is nil where the broker's default was in force.
        case configure(topic: String, key: String, before: String?, after: String)
        /// A group's first position: `restored` when the topic is older than that, so that its records are read again.
        case position(group: String, partition: TopicPartition, restored: Bool)
    }

    package var changes: [Change] = []
    /// What no change can mend: the topic, and what to do.
    package var problems: [String] = []
    /// What works but is not as wanted.
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
                    "topic '\(topic.name)' has \(found.partitions) partitions, not \(topic.partitions), and its count may "
                        + "never change: outcomes and results of a task must stay in partitions of one number; set "
                        + "topics.partitions to \(found.partitions), or use a new topics.prefix")
            } else if found.partitions > topic.partitions {
                problems.append(
                    "topic '\(topic.name)' has \(found.partitions) partitions, more than the \(topic.partitions) wanted, "
                        + "and Kafka never shrinks one; set topics.partitions to \(found.partitions)")
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
            // With fewer replicas than wanted the wanted minimum could stop every write.
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

    /// What of it keeps a role from starting: topics that are missing or contradict it. Configuration that differs does
    /// not, except where it could lose records.
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
                    "topic '\(topic)' forgets records after retention.ms=\(before ?? "the broker's default"), read or not"
                case .configure: nil
                case .position(let group, let partition, _): "group '\(group)' has no position in \(partition)"
                }
            }
    }
}
