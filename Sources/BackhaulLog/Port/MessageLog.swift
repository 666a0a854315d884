package import BackhaulUnits

/// What an adapter can do beyond the protocol. What it lacks is declared here, never skipped silently.
package struct LogAbilities: OptionSet, Hashable, Sendable {
    package let rawValue: Int

    package init(rawValue: Int) { self.rawValue = rawValue }

    /// `append` refuses an identity that the log already contains.
    package static let refusesKnownIdentity = LogAbilities(rawValue: 1 << 0)
    /// `settle` is atomic across topics and groups.
    package static let atomicSettle = LogAbilities(rawValue: 1 << 1)
    /// `maintain` truncates behind the slowest reader and compacts.
    package static let maintainsItself = LogAbilities(rawValue: 1 << 2)
}

/// A page of records read without a group.
package struct ReadPage: Hashable, Sendable {
    package var records: [StoredRecord]
    /// The offset to read next, past gaps (offsets without a record).
    package var next: Int64
    /// The partition's end when the page was read; the reader is finished once `next` has reached it.
    package var end: Int64

    package init(records: [StoredRecord], next: Int64, end: Int64) {
        self.records = records
        self.next = next
        self.end = end
    }
}

/// A log: topics of ordered partitions of bytes and headers. It knows nothing about uploads.
///
/// Adapters: `BackhaulEmbedded` (SQLite, one machine), `BackhaulKafka` (a fleet). `BackhaulLogConformance` tests
/// each of them against this contract.
package protocol MessageLog: Sendable {
    /// What this adapter can do beyond the protocol.
    var abilities: LogAbilities { get }

    /// Creates missing topics, and the first position of each reader group. Idempotent.
    /// - Throws: `LogError.topicMismatch` when a topic exists with another number of partitions.
    func ensure(_ topics: [TopicSpecification]) async throws

    /// Every topic that exists, by name.
    func topics() async throws -> [TopicSpecification]

    /// Appends the records, in the given order within each partition; durable when it returns.
    /// - Returns: one outcome for each request, in order.
    /// - Throws: `LogError`; then none of the requests was appended, except that `unavailable` leaves it unknown.
    func append(_ requests: [AppendRequest]) async throws -> [AppendOutcome]

    /// Joins groups. The session delivers nothing before `LogSession.grant`.
    func openSession(_ subscriptions: [Subscription]) async throws -> any LogSession

    /// Reads without a group: records from `offset`, at most `records` of them and about `bytes` bytes, but at
    /// least one if one exists. An offset before the earliest record reads from the earliest.
    func read(_ partition: TopicPartition, from offset: Int64, records: Int, bytes: ByteCount) async throws -> ReadPage

    /// As `read`, for a scan, which reads on at once: the log may fetch far ahead.
    func readAhead(
        _ partition: TopicPartition, from offset: Int64, records: Int, bytes: ByteCount
    ) async throws -> ReadPage

    /// As `read`, for a reader that follows a partition and reads again at the next of `changes`: returns what has
    /// arrived, without querying the partition's end. The latest appends may be missing; `changes` then signals
    /// them.
    func tail(_ partition: TopicPartition, from offset: Int64, records: Int, bytes: ByteCount) async throws -> ReadPage

    /// The bounds of each partition of the topic, by number.
    func bounds(_ topic: String) async throws -> [PartitionBounds]

    /// Waits until every record in the partition at the time of the call is committed or aborted, so that reading
    /// up to the returned offset sees all committed ones.
    /// - Returns: the offset after the last of them.
    func decided(_ partition: TopicPartition) async throws -> Int64

    /// The group's positions; partitions without a position are absent.
    func positions(of group: String) async throws -> [TopicPartition: GroupPosition]

    /// Commits positions of a reader that is not a group member (a view); truncation waits for it.
    func commit(_ positions: [TopicPartition: GroupPosition], of group: String) async throws

    /// Signals that records may have been appended since the last signal; unread signals are merged. The stream
    /// ends when the log is closed. A partition that was only scanned may signal nothing.
    func changes() async -> AsyncStream<Void>

    /// Makes `changes` signal appends to these partitions, read or not, and makes reading from these offsets cheap.
    /// - Throws: `LogError`.
    func watch(_ cursors: [TopicPartition: Int64]) async throws

    /// Truncates by readers' positions and by age, compacts, and refreshes what other processes wrote.
    func maintain() async throws

    /// Ends every session and releases the store.
    func close() async
}

extension MessageLog {
    /// A log that sees every append watches all partitions.
    package func watch(_ cursors: [TopicPartition: Int64]) async throws {}

    package func tail(
        _ partition: TopicPartition, from offset: Int64, records: Int, bytes: ByteCount
    ) async throws -> ReadPage {
        try await read(partition, from: offset, records: records, bytes: bytes)
    }

    /// Reads everything from `offset` that has arrived.
    /// - Parameter each: called with every page's records, in order.
    /// - Returns: the offset to continue from at the next of `changes`.
    package func follow(
        _ partition: TopicPartition, from offset: Int64, isolation: isolated (any Actor)? = #isolation,
        _ each: ([StoredRecord]) async throws -> Void
    ) async throws -> Int64 {
        var next = offset
        while true {
            let page = try await tail(partition, from: next, records: 1_000, bytes: ByteCount(1 << 20))
            if !page.records.isEmpty { try await each(page.records) }
            next = page.next
            if next >= page.end { return next }
        }
    }

    /// A log without open transactions contains decided records only.
    package func decided(_ partition: TopicPartition) async throws -> Int64 {
        let all = try await bounds(partition.topic)
        guard let found = all.first(where: { $0.partition == partition }) else {
            throw LogError.unknownPartition(partition)
        }
        return found.end
    }

    /// The bounds of each partition, once everything written before the call is committed or aborted. Records of a
    /// settlement that has returned are below these ends.
    package func decidedBounds(_ topic: String) async throws -> [PartitionBounds] {
        var all = try await bounds(topic)
        for index in all.indices { all[index].end = max(all[index].end, try await decided(all[index].partition)) }
        return all
    }

    package func readAhead(
        _ partition: TopicPartition, from offset: Int64, records: Int, bytes: ByteCount
    ) async throws -> ReadPage {
        try await read(partition, from: offset, records: records, bytes: bytes)
    }

    /// Reads a partition page by page, up to `limit` or its current end.
    /// - Parameter each: called with every page's records, in order.
    package func scan(
        _ partition: TopicPartition, from offset: Int64 = 0, to limit: Int64? = nil,
        isolation: isolated (any Actor)? = #isolation, _ each: ([StoredRecord]) async throws -> Void
    ) async throws {
        var next = offset
        var stop = limit
        if let limit, offset >= limit { return }
        while true {
            let page = try await readAhead(partition, from: next, records: 10_000, bytes: ByteCount(1 << 20))
            let end = stop ?? page.end
            stop = end
            let records = page.records.prefix { $0.position.offset < end }
            if !records.isEmpty { try await each(Array(records)) }
            next = page.next
            if next >= end || next >= page.end { return }
        }
    }
}
