package import BackhaulDomain
package import BackhaulLog
internal import BackhaulRecords
package import BackhaulUnits

/// Measures the outstanding work of every group of the work topics. It reads the records themselves, so the log's
/// own markers do not count. A partition that has not changed since the last measurement is not read again: an idle
/// fleet keeps no partition open for it.
package struct OutstandingMeter: Sendable {
    /// The counts of one partition, and the position and bounds for which they hold.
    private struct Count {
        var position: GroupPosition
        var bounds: PartitionBounds
        var records: Int64 = 0
        var size = ByteCount.zero
        var fileSize = ByteCount.zero
        var oldest: Timestamp?

        mutating func add(_ stored: StoredRecord, holdsTasks: Bool) {
            records += 1
            size += stored.record.size
            oldest = min(oldest ?? stored.appendedAt, stored.appendedAt)
            guard holdsTasks, let task = try? TaskRecord.read(stored.record).task else { return }
            fileSize += task.size
        }
    }

    private let log: any MessageLog
    private let layout: TopicLayout
    private var counts: [TopicPartition: Count] = [:]

    package init(_ log: any MessageLog, layout: TopicLayout) {
        self.log = log
        self.layout = layout
    }

    /// - Throws: `LogError`.
    package mutating func measure(at now: Timestamp) async throws -> [OutstandingWork] {
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
            // Read before the ends: what finishes in between counts as outstanding, never the reverse.
            if positions[group] == nil { positions[group] = try await log.positions(of: group) }
            var work = OutstandingWork(group: group, topic: topic)
            var oldest: Timestamp?
            for bounds in try await log.bounds(topic) {
                let count = try await count(
                    bounds, from: positions[group]?[bounds.partition] ?? GroupPosition(frontier: bounds.earliest))
                work.outstanding += count.records
                work.size += count.size
                work.fileSize += count.fileSize
                if let first = count.oldest { oldest = min(oldest ?? first, first) }
            }
            if let oldest { work.oldestAge = max(.zero, now - oldest) }
            all.append(work)
        }
        return all
    }

    private mutating func count(_ bounds: PartitionBounds, from position: GroupPosition) async throws -> Count {
        let partition = bounds.partition
        if let known = counts[partition], known.position == position, known.bounds == bounds { return known }
        var count = Count(position: position, bounds: bounds)
        let holdsTasks = partition.topic != layout.outcomes
        let finished = position.finishedMap
        if position.frontier < bounds.end {
            try await log.scan(partition, from: position.frontier, to: bounds.end) { records in
                for stored in records where !finished.contains(stored.position.offset) {
                    count.add(stored, holdsTasks: holdsTasks)
                }
            }
        }
        counts[partition] = count
        return count
    }
}
