import BackhaulLog
import BackhaulTestKit
import BackhaulUnits
import Synchronization

/// A log without identities of its own whose settlements and appends fail at random, before or after they took effect,
/// as those of a cluster do. Every failure ends the session that it happens in.
final class CuttingLog: MessageLog {
    let base: any MessageLog
    private let random: Mutex<SeededNumbers>
    /// One in so many calls fails; 0 for none.
    private let rate: Mutex<Int>
    /// Whether the log refuses a record for good.
    let refuses: @Sendable (AppendRequest) -> Bool

    var abilities: LogAbilities { base.abilities.subtracting(.refusesKnownIdentity) }

    init(
        _ base: any MessageLog, seed: UInt64 = 0, rate: Int = 0,
        refuses: @escaping @Sendable (AppendRequest) -> Bool = { _ in false }
    ) {
        self.base = base
        self.refuses = refuses
        random = Mutex(SeededNumbers(seed: seed))
        self.rate = Mutex(rate)
    }

    func heal() { rate.withLock { $0 = 0 } }

    /// - Parameter isAfter: whether what the call does has happened.
    /// - Throws: `LogError.unavailable` now and then.
    func cut(isAfter: Bool) throws {
        let rate = rate.withLock(\.self)
        guard rate > 0, random.withLock({ Int.random(in: 0..<rate * 2, using: &$0) }) == 0 else { return }
        throw LogError.unavailable("cut \(isAfter ? "after" : "before")")
    }

    /// A cluster knows no identities.
    static func plain(_ requests: [AppendRequest]) -> [AppendRequest] {
        requests.map { request in
            var plain = request
            plain.identity = nil
            return plain
        }
    }

    func append(_ requests: [AppendRequest]) async throws -> [AppendOutcome] {
        try cut(isAfter: false)
        let outcomes = try await base.append(Self.plain(requests))
        try cut(isAfter: true)
        return outcomes
    }

    func openSession(_ subscriptions: [Subscription]) async throws -> any LogSession {
        CuttingSession(try await base.openSession(subscriptions), of: self)
    }

    func ensure(_ topics: [TopicSpecification]) async throws { try await base.ensure(topics) }
    func topics() async throws -> [TopicSpecification] { try await base.topics() }
    func read(
        _ partition: TopicPartition, from offset: Int64, records: Int, bytes: ByteCount
    ) async throws -> ReadPage {
        try await base.read(partition, from: offset, records: records, bytes: bytes)
    }
    func bounds(_ topic: String) async throws -> [PartitionBounds] { try await base.bounds(topic) }
    func positions(of group: String) async throws -> [TopicPartition: GroupPosition] {
        try await base.positions(of: group)
    }
    func commit(_ positions: [TopicPartition: GroupPosition], of group: String) async throws {
        try await base.commit(positions, of: group)
    }
    func changes() async -> AsyncStream<Void> { await base.changes() }
    func maintain() async throws { try await base.maintain() }
    func close() async { await base.close() }
}

final class CuttingSession: LogSession {
    private let base: any LogSession
    private let log: CuttingLog

    init(_ base: any LogSession, of log: CuttingLog) {
        self.base = base
        self.log = log
    }

    func settle(_ units: [SettleUnit]) async throws -> [SettleOutcome] {
        if units.contains(where: { $0.appends.contains(where: log.refuses) }) {
            throw LogError.recordRefused("too large")
        }
        try log.cut(isAfter: false)
        let outcomes = try await base.settle(
            units.map { unit in
                var plain = unit
                plain.appends = CuttingLog.plain(unit.appends)
                return plain
            })
        try log.cut(isAfter: true)
        return outcomes
    }

    func next() async throws -> SessionEvent? { try await base.next() }
    func grant(_ records: Int) async { await base.grant(records) }
    func release(_ revocation: Revocation) async throws { try await base.release(revocation) }
    func close() async { await base.close() }
}
