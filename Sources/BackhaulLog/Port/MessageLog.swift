/// What an adapter can do beyond the port's words. What it lacks is declared here, never skipped in silence.
package struct LogAbilities: OptionSet, Hashable, Sendable {
    package let rawValue: Int

    package init(rawValue: Int) { self.rawValue = rawValue }

    /// `append` refuses an identity that the log holds.
    package static let refusesKnownIdentity = LogAbilities(rawValue: 1 << 0)
    /// `settle` is atomic across topics and groups.
    package static let atomicSettle = LogAbilities(rawValue: 1 << 1)
    /// `maintain` truncates behind the slowest reader and compacts.
    package static let maintainsItself = LogAbilities(rawValue: 1 << 2)
}

/// A page of records read without a group.
package struct ReadPage: Hashable, Sendable {
    package var records: [StoredRecord]
    /// Where to read on. It is past gaps: offsets that hold no record.
    package var next: Int64
    /// The partition's end when the page was read; the reader is through once `next` has reached it.
    package var end: Int64

    package init(records: [StoredRecord], next: Int64, end: Int64) {
        self.records = records
        self.next = next
        self.end = end
    }
}

/// The log: topics of ordered partitions that hold bytes and headers. It knows nothing of uploads.
///
/// Adapters: `BackhaulEmbedded` (SQLite, one machine), `BackhaulKafka` (a fleet). Each is held to the same words by `BackhaulLogConformance`.
package protocol MessageLog: Sendable {
    /// What this adapter can do beyond the common words.
    var abilities: LogAbilities { get }

    /// Creates what is missing, and the first position of each reader group. Idempotent.
    /// - Throws: `LogError.topicMismatch` when a topic exists with another number of partitions.
    func ensure(_ topics: [TopicSpecification]) async throws

    /// Every topic that exists, by name.
    func topics() async throws -> [TopicSpecification]

    /// Appends the records, each partition in the given order; durable when it returns.
    /// - Returns: one outcome for each request, in order.
    /// - Throws: `LogError`; then none of the requests was appended, unless it is `unavailable` (unknown).
    func append(_ requests: [AppendRequest]) async throws -> [AppendOutcome]

    /// Joins groups. The session delivers nothing before `LogSession.grant`.
    func openSession(_ subscriptions: [Subscription]) async throws -> any LogSession

    /// Reads without a group: records from `offset` on, at most `records` of them and about `bytes`, at least one if
    /// there is one. An offset before the earliest record reads from the earliest.
    func read(_ partition: TopicPartition, from offset: Int64, records: Int, bytes: Int) async throws -> ReadPage

    /// As `read`, for whoever follows a partition and looks again at the next of `changes`: what has arrived by now, without
    /// asking where the partition ends. What was appended a moment ago may be missing; it is news then.
    func tail(_ partition: TopicPartition, from offset: Int64, records: Int, bytes: Int) async throws -> ReadPage

    /// What each partition of the topic holds, by number.
    func bounds(_ topic: String) async throws -> [PartitionBounds]

    /// Waits until every record that the partition holds at the time of the call is committed or aborted, so that reading
    /// up to the returned offset sees all of them that count.
    /// - Returns: the offset behind the last of them.
    func decided(_ partition: TopicPartition) async throws -> Int64

    /// Where the group stands, by partition; partitions in which it never stood are absent.
    func positions(of group: String) async throws -> [TopicPartition: GroupPosition]

    /// Writes positions down for a reader that is no group member (a view); the truncation waits for it.
    func commit(_ positions: [TopicPartition: GroupPosition], of group: String) async throws

    /// Signals that records may have been appended since the last signal; signals that nobody took yet are one.
    /// The stream ends when the log is closed.
    func changes() async -> AsyncStream<Void>

    /// Sees to it that `changes` tells of what comes to these partitions, read or not, and makes reading on from these offsets
    /// cheap.
    /// - Throws: `LogError`.
    func watch(_ cursors: [TopicPartition: Int64]) async throws

    /// Truncates behind readers and ages, compacts, and refreshes what other processes wrote.
    func maintain() async throws

    /// Ends every session and lets the store go.
    func close() async
}

extension MessageLog {
    /// A log that sees every append watches all partitions.
    package func watch(_ cursors: [TopicPartition: Int64]) async throws {}

    package func tail(
        _ partition: TopicPartition, from offset: Int64, records: Int, bytes: Int
    ) async throws -> ReadPage {
        try await read(partition, from: offset, records: records, bytes: bytes)
    }

    /// Follows a partition: everything from `offset` on that has arrived by now.
    /// - Parameter each: called with every page's records, in order.
    /// - Returns: where to look on at the next of `changes`.
    package func follow(
        _ partition: TopicPartition, from offset: Int64, isolation: isolated (any Actor)? = #isolation,
        _ each: ([StoredRecord]) async throws -> Void
    ) async throws -> Int64 {
        var next = offset
        while true {
            let page = try await tail(partition, from: next, records: 1_000, bytes: 1 << 20)
            if !page.records.isEmpty { try await each(page.records) }
            next = page.next
            if next >= page.end { return next }
        }
    }

    /// A log without open transactions holds decided records only.
    package func decided(_ partition: TopicPartition) async throws -> Int64 {
        let all = try await bounds(partition.topic)
        guard let found = all.first(where: { $0.partition == partition }) else {
            throw LogError.unknownPartition(partition)
        }
        return found.end
    }

    /// What each partition of the topic holds, once all of it that was written before the call is committed or aborted:
    /// what a settlement that has returned wrote lies before these ends.
    package func decidedBounds(_ topic: String) async throws -> [PartitionBounds] {
        var all = try await bounds(topic)
        for index in all.indices { all[index].end = max(all[index].end, try await decided(all[index].partition)) }
        return all
    }

    /// Reads a whole partition up to the end it has now, page by page.
    /// - Parameter each: called with every page's records, in order.
    package func scan(
        _ partition: TopicPartition, from offset: Int64 = 0, to limit: Int64? = nil,
        isolation: isolated (any Actor)? = #isolation, _ each: ([StoredRecord]) async throws -> Void
    ) async throws {
        var next = offset
        var stop = limit
        if let limit, offset >= limit { return }
        while true {
            let page = try await read(partition, from: next, records: 10_000, bytes: 1 << 20)
            let end = stop ?? page.end
            stop = end
            let records = page.records.prefix { $0.position.offset < end }
            if !records.isEmpty { try await each(Array(records)) }
            next = page.next
            if next >= end || next >= page.end { return }
        }
    }
}
