import BackhaulLog
import BackhaulUnits

/// Reads the partitions of a topic as one sequence, in the order of the records' append times.
struct RecordMerge {
    private struct Reading {
        var next: Int64
        var end: Int64
        /// In reverse, so that the next one is removed at no cost.
        var buffer: [StoredRecord] = []
    }

    private var readings: [TopicPartition: Reading]
    private static let page = 500

    /// - Parameter bounds: the partitions; read up to the ends that they have here.
    init(_ bounds: [PartitionBounds]) {
        readings = Dictionary(
            bounds.map { ($0.partition, Reading(next: $0.earliest, end: $0.end)) },
            uniquingKeysWith: { first, _ in first })
    }

    /// Where a follower goes on.
    var ends: [TopicPartition: Int64] { readings.mapValues(\.end) }

    /// - Returns: nil after the last record.
    mutating func next(_ log: any MessageLog) async throws -> StoredRecord? {
        for (partition, reading) in readings where reading.buffer.isEmpty && reading.next < reading.end {
            try await fill(partition, log)
        }
        let first = readings.compactMap { partition, reading in
            reading.buffer.last.map { (time: $0.appendedAt, partition: partition) }
        }.min { ($0.time, $0.partition) < ($1.time, $1.partition) }
        return first.flatMap { readings[$0.partition]?.buffer.removeLast() }
    }

    private mutating func fill(_ partition: TopicPartition, _ log: any MessageLog) async throws {
        while var reading = readings[partition], reading.buffer.isEmpty, reading.next < reading.end {
            let page = try await log.read(
                partition, from: reading.next, records: Self.page, bytes: ByteCount(1 << 20))
            // A gap at the end has no records.
            guard page.next > reading.next else { reading.next = reading.end; readings[partition] = reading; return }
            reading.next = page.next
            reading.buffer = page.records.filter { $0.position.offset < reading.end }.reversed()
            readings[partition] = reading
        }
    }
}
