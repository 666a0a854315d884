internal import BackhaulDomain
internal import BackhaulLog
internal import BackhaulRecords

/// Reads the checkpoints that earlier owners wrote for records of partitions that this worker acquires.
///
/// One checkpoints partition holds the checkpoints of the partitions with its number in all work topics of both
/// lanes. These are assigned together, so one scan serves all requests that wait when it begins. Two scans of one
/// partition at different offsets would discard each other's fetched records.
actor CheckpointReader {
    /// A partition that is being acquired, and its group's position in it.
    private struct Request {
        let prefix: [UInt8]
        let partition: TopicPartition
        let position: GroupPosition
        let finished: FinishedMap
        var found: [LogPosition: Checkpoint] = [:]
        var isServed = false
    }

    private let log: any MessageLog
    private let layout: TopicLayout
    private var requests: [Int: Request] = [:]
    private var waiting: [Int: [Int]] = [:]
    private var locks: [Int: FIFOLock] = [:]
    private var next = 0

    init(log: any MessageLog, layout: TopicLayout) {
        self.log = log
        self.layout = layout
    }

    /// The checkpoints of the partition's unfinished records, including those of an earlier owner's open
    /// transaction.
    /// - Throws: `LogError`; the call may be repeated.
    func checkpoints(
        of partition: TopicPartition, at position: GroupPosition
    ) async throws -> [LogPosition: Checkpoint] {
        next += 1
        let id = next
        let number = partition.partition
        requests[id] = Request(
            prefix: CheckpointRecord.keyPrefix(partition), partition: partition, position: position,
            finished: position.finishedMap)
        waiting[number, default: []].append(id)
        let lock = locks[number] ?? FIFOLock()
        locks[number] = lock
        defer {
            requests[id] = nil
            waiting[number]?.removeAll { $0 == id }
        }
        return try await lock.withLock {
            if let request = requests[id], request.isServed { return request.found }
            // All of these partitions were assigned before the scan begins.
            let served = waiting.removeValue(forKey: number) ?? []
            do {
                try await scan(number, for: served)
            } catch {
                // Put the requests back: each caller repeats its own.
                waiting[number, default: []] += served.filter { requests[$0] != nil }
                throw error
            }
            for other in served { requests[other]?.isServed = true }
            return requests[id]?.found ?? [:]
        }
    }

    private func scan(_ number: Int, for served: [Int]) async throws {
        let checkpoints = TopicPartition(topic: layout.checkpoints, partition: number)
        let end = try await log.decided(checkpoints)
        for id in served { requests[id]?.found = [:] }
        try await log.scan(checkpoints, to: end) { records in
            for stored in records {
                guard let key = stored.record.key else { continue }
                for id in served { note(stored, key, id) }
            }
        }
    }

    /// Stores a checkpoint only if its record may be delivered; no other is ever used.
    private func note(_ stored: StoredRecord, _ key: [UInt8], _ id: Int) {
        guard let request = requests[id],
            let offset = CheckpointRecord.offset(ofKey: key, prefix: request.prefix),
            offset >= request.position.frontier, offset - request.position.frontier < OffsetLedger.maximumSpan,
            !request.finished.contains(offset)
        else { return }
        let position = LogPosition(partition: request.partition, offset: offset)
        requests[id]?.found[position] = try? CheckpointRecord.read(stored.record)
    }
}
