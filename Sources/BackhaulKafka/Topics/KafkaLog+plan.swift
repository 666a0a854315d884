internal import BackhaulLog

/// Topics as code.
extension KafkaLog {
    /// Compares the cluster's topics with the desired ones.
    package func plan(_ desired: [DesiredTopic]) async throws -> TopicPlan {
        let admin = try await admin()
        let found = try await admin.topics()
        let names = desired.map(\.name).filter { found[$0] != nil }
        let configurations = names.isEmpty ? [:] : try await admin.configuration(of: names)
        var actual: [String: ActualTopic] = [:]
        for topic in desired {
            guard let (count, replication) = found[topic.name] else { continue }
            let partitions = (0..<count).map { TopicPartition(topic: topic.name, partition: $0) }
            var positions: [String: Set<Int>] = [:]
            for reader in topic.readers {
                positions[reader] = Set(try await admin.positions(of: reader, in: partitions).keys.map(\.partition))
            }
            let stands = positions.values.reduce(Set(partitions.map(\.partition))) { $0.intersection($1) }
            let ends = try await end(of: partitions.filter { !stands.contains($0.partition) })
            actual[topic.name] = ActualTopic(
                partitions: count, replication: replication,
                configuration: configurations[topic.name] ?? ActualTopic.Configuration(), positions: positions,
                unwritten: Set(ends.filter { $0.value == 0 }.keys.map(\.partition)))
        }
        return TopicPlan(desired: desired, actual: actual)
    }

    /// Applies the changes of a plan.
    /// - Throws: `LogError`; changes made before the error stay, and the next plan contains the rest.
    package func apply(_ plan: TopicPlan) async throws {
        let admin = try await admin()
        var positions: [String: [TopicPartition]] = [:]
        var configured: [String: [String: String]] = [:]
        var created: [DesiredTopic] = []
        for change in plan.changes {
            switch change {
            case .create(let topic): created.append(topic)
            case .grow(let topic, _, let count): try await admin.grow(topic, to: count)
            case .configure(let topic, let key, _, let value): configured[topic, default: [:]][key] = value
            case .position(let group, let partition, _): positions[group, default: []].append(partition)
            }
        }
        if !created.isEmpty {
            try await admin.create(created)
            try await waitForTopics(created.map(\.name))
        }
        if !configured.isEmpty {
            let now = try await admin.configuration(of: configured.keys.sorted())
            for (topic, values) in configured.sorted(by: { $0.key < $1.key }) {
                let own = now[topic].map { found in found.values.filter { found.own.contains($0.key) } } ?? [:]
                try await admin.configure(topic, own.merging(values) { _, new in new })
            }
        }
        for (group, partitions) in positions.sorted(by: { $0.key < $1.key }) {
            let first = try await earliest(partitions)
            do {
                try await admin.setPositions(first.mapValues { GroupPosition(frontier: $0) }, of: group)
            } catch LogError.unavailable(let reason) where reason.contains("UNKNOWN_MEMBER_ID") {
                throw LogError.unavailable(
                    "group '\(group)' has members, so its positions cannot be set; stop them, then apply again "
                        + "(\(reason))")
            }
        }
    }
}
