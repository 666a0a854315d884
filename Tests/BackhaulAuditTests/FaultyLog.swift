import BackhaulLog
import BackhaulUnits
import Synchronization

/// A log that has lost records: hidden records read as if they had never been written.
final class FaultyLog: MessageLog {
    private let log: any MessageLog
    private let hidden = Mutex<@Sendable (StoredRecord) -> Bool>({ _ in false })

    private let count = Mutex(0)

    /// The number of pages read.
    var reads: Int { count.withLock { $0 } }

    init(_ log: any MessageLog) {
        self.log = log
    }

    func hide(_ which: @escaping @Sendable (StoredRecord) -> Bool) {
        hidden.withLock { $0 = which }
    }

    private let cuts = Mutex<[TopicPartition: Int64]>([:])

    /// Makes the partition begin at this offset.
    func truncate(_ partition: TopicPartition, to offset: Int64) { cuts.withLock { $0[partition] = offset } }

    func read(_ partition: TopicPartition, from offset: Int64, records: Int, bytes: ByteCount) async throws -> ReadPage
    {
        count.withLock { $0 += 1 }
        var page = try await log.read(partition, from: offset, records: records, bytes: bytes)
        let isHidden = hidden.withLock { $0 }
        page.records.removeAll(where: isHidden)
        return page
    }

    var abilities: LogAbilities { log.abilities }
    func ensure(_ topics: [TopicSpecification]) async throws { try await log.ensure(topics) }
    func topics() async throws -> [TopicSpecification] { try await log.topics() }
    func append(_ requests: [AppendRequest]) async throws -> [AppendOutcome] { try await log.append(requests) }
    func openSession(_ subscriptions: [Subscription]) async throws -> any LogSession {
        try await log.openSession(subscriptions)
    }
    func bounds(_ topic: String) async throws -> [PartitionBounds] {
        let cuts = cuts.withLock { $0 }
        return try await log.bounds(topic).map { bounds in
            let earliest = cuts[bounds.partition] ?? bounds.earliest
            return PartitionBounds(
                partition: bounds.partition, earliest: earliest, end: max(earliest, bounds.end))
        }
    }
    func positions(of group: String) async throws -> [TopicPartition: GroupPosition] {
        try await log.positions(of: group)
    }
    func commit(_ positions: [TopicPartition: GroupPosition], of group: String) async throws {
        try await log.commit(positions, of: group)
    }
    func changes() async -> AsyncStream<Void> { await log.changes() }
    func maintain() async throws { try await log.maintain() }
    func close() async { await log.close() }
}
