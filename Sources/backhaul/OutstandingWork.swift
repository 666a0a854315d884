import BackhaulDomain
import BackhaulLog
import BackhaulWire

/// The true outstanding work of a group in a topic: what is neither behind its frontier nor finished beyond it. Reads the
/// records themselves, so the log's own markers do not count.
struct OutstandingWork: Encodable, Sendable {
    var group: String
    var topic: String
    var outstanding: Int64 = 0
    /// Bytes of the records.
    var bytes = 0
    /// Bytes of the files that outstanding tasks name; 0 for outcomes.
    var fileBytes: UInt64 = 0
    /// Seconds since the oldest outstanding record was appended.
    var oldestAgeSeconds: Int64 = 0

    /// Of every group of the work topics.
    /// - Throws: `LogError`.
    static func measure(
        _ log: any MessageLog, layout: TopicLayout, clock: any LogClock
    ) async throws -> [OutstandingWork] {
        var pairs = [
            (layout.workers, layout.tasks), (layout.largeWorkers, layout.largeTasks),
            (layout.acknowledgers, layout.outcomes),
        ]
        for topic in try await log.topics() where layout.tier(of: topic.name) != nil {
            pairs.append((layout.delays, topic.name))
        }
        var all: [OutstandingWork] = []
        var positions: [String: [TopicPartition: GroupPosition]] = [:]
        for (group, topic) in pairs {
            // Before the ends are asked for: what is finished in between counts as outstanding, never the reverse.
            if positions[group] == nil { positions[group] = try await log.positions(of: group) }
            var work = OutstandingWork(group: group, topic: topic)
            try await work.count(log, layout: layout, positions: positions[group] ?? [:], now: clock.now)
            all.append(work)
        }
        return all
    }

    private mutating func count(
        _ log: any MessageLog, layout: TopicLayout, positions: [TopicPartition: GroupPosition], now: Int64
    ) async throws {
        let holdsTasks = topic != layout.outcomes
        var oldest: Int64?
        var sum = self
        for bounds in try await log.bounds(topic) {
            let position = positions[bounds.partition] ?? GroupPosition(frontier: bounds.earliest)
            let finished = position.finishedMap
            try await log.scan(bounds.partition, from: position.frontier, to: bounds.end) { records in
                for stored in records where !finished.contains(stored.position.offset) {
                    sum.add(stored, holdsTasks: holdsTasks)
                    oldest = min(oldest ?? stored.appendedAt, stored.appendedAt)
                }
            }
        }
        self = sum
        if let oldest { oldestAgeSeconds = max(0, (now - oldest) / 1_000) }
    }

    private mutating func add(_ stored: StoredRecord, holdsTasks: Bool) {
        outstanding += 1
        bytes += stored.record.size
        guard holdsTasks, let task = try? TaskCodec.decode(stored.record.value) else { return }
        // Anybody may write any size into a record.
        let (sum, overflows) = fileBytes.addingReportingOverflow(task.size)
        fileBytes = overflows ? .max : sum
    }
}
