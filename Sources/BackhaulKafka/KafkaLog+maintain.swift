internal import BackhaulLog
internal import BackhaulUnits

/// Truncation of the topics whose records are kept until every reader is past them.
extension KafkaLog {
    package func maintain() async throws {
        await reader.shutUnread()
        await scanner.shutUnread()
        // Brokers apply ages and compaction themselves, but do not truncate what every reader has finished.
        let now = clock.now
        let known = Set(upkeep.map(\.name))
        let topics =
            upkeep + (try await partitionCounts().keys.sorted()).filter { !known.contains($0) }.compactMap(retired)
        let ages = topics.compactMap { topic in
            if case .untilRead(_, let age) = topic.retention { age } else { nil }
        }
        guard let least = ages.min(), try await hasReached(now - max(least / 10, Self.leastSlack), topics) else {
            return
        }
        for topic in topics {
            guard case .untilRead(let readers, let age) = topic.retention, !readers.isEmpty else { continue }
            let bounds = try await bounds(topic.name).filter { $0.end > $0.earliest }
            guard !bounds.isEmpty else { continue }
            let partitions = bounds.map(\.partition)
            var limits = try await queryClient.edges(partitions, .end)
            // The first record that is young enough to stay; -1 when all are older.
            let young = try await queryClient.offsets(partitions, since: now - age)
            for (partition, offset) in young where offset >= 0 {
                limits[partition] = min(limits[partition] ?? offset, offset)
            }
            for group in readers {
                let stands = try await admin().positions(of: group, in: partitions)
                // A reader without a position may need everything.
                for partition in partitions {
                    limits[partition] = min(limits[partition] ?? 0, stands[partition]?.frontier ?? 0)
                }
            }
            let offsets = bounds.filter { limits[$0.partition] ?? 0 > $0.earliest }.map(\.partition)
            try await admin().truncate(limits.filter { offsets.contains($0.key) })
        }
    }

    /// More than the clocks of one fleet differ.
    private static let leastSlack = Duration.seconds(3_600)

    /// Whether the brokers have stamped a record at this time or later. Ages are computed
    /// from this process's clock, and a clock that is years ahead would make every record old. So nothing is deleted
    /// until the log has reached about the same time; an idle fleet keeps its records until the next append.
    private func hasReached(_ time: Timestamp, _ topics: [TopicSpecification]) async throws -> Bool {
        for topic in topics {
            let partitions = try await bounds(topic.name).map(\.partition)
            let offsets = try await queryClient.offsets(partitions, since: time)
            if offsets.values.contains(where: { $0 >= 0 }) { return true }
        }
        return false
    }
}
