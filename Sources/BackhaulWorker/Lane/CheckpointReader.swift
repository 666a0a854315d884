internal import BackhaulDomain
internal import BackhaulLog
internal import BackhaulRecords

/// Finds what earlier owners left about the records of partitions that are taken over.
///
/// A partition of checkpoints answers for the partitions of its number in every work topic, of both lanes: they come together,
/// so one scan serves all that wait when it begins. Two scans of one partition at different places would throw away what was
/// fetched for each other.
actor CheckpointReader {
    /// A partition that is taken over, and where its group stands in it.
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

    /// What is in the log by now about the partition's unfinished records, an earlier owner's open transaction included.
    /// - Throws: `LogError`; it may be asked again.
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
            // All of them were assigned before the scan begins.
            let served = waiting.removeValue(forKey: number) ?? []
            do {
                try await scan(number, for: served)
            } catch {
                // Each asks again for itself.
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

    /// Only of records that may be in somebody's hand: no checkpoint of another is ever asked for.
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
