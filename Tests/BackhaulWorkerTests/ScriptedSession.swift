import BackhaulLog
import BackhaulUnits
import Synchronization

/// A session whose events a test provides; it keeps the settled units.
final class ScriptedSession: LogSession {
    private struct State {
        var events: [SessionEvent] = []
        var settled: [SettleUnit] = []
        var isClosed = false
    }

    private let state = Mutex(State())
    private let signal = Signal()
    /// Raised after every settlement.
    let settlements = Signal()

    func give(_ event: SessionEvent) {
        state.withLock { $0.events.append(event) }
        signal.raise()
    }

    var settled: [SettleUnit] { state.withLock { $0.settled } }

    func next() async throws -> SessionEvent? {
        while true {
            let (event, isClosed) = state.withLock { state in
                (state.events.isEmpty ? nil : state.events.removeFirst(), state.isClosed)
            }
            if let event { return event }
            if isClosed { return nil }
            await signal.wait()
            try Task.checkCancellation()
        }
    }

    func grant(_ records: Int) {}

    func settle(_ units: [SettleUnit]) -> [SettleOutcome] {
        state.withLock { $0.settled += units }
        settlements.raise()
        return units.map { _ in .settled }
    }

    func release(_ revocation: Revocation) {}

    func close() {
        state.withLock { $0.isClosed = true }
        signal.raise()
    }
}

/// A log that returns a scripted session for one group and forwards everything else to another log.
final class ScriptedLog: MessageLog {
    let log: any MessageLog
    let session: ScriptedSession
    private let group: String

    init(_ log: any MessageLog, session: ScriptedSession, group: String) {
        self.log = log
        self.session = session
        self.group = group
    }

    func openSession(_ subscriptions: [Subscription]) async throws -> any LogSession {
        if subscriptions.contains(where: { $0.group == group }) { return session }
        return try await log.openSession(subscriptions)
    }

    var abilities: LogAbilities { log.abilities }
    func ensure(_ topics: [TopicSpecification]) async throws { try await log.ensure(topics) }
    func topics() async throws -> [TopicSpecification] { try await log.topics() }
    func append(_ requests: [AppendRequest]) async throws -> [AppendOutcome] { try await log.append(requests) }
    func read(_ partition: TopicPartition, from offset: Int64, records: Int, bytes: ByteCount) async throws -> ReadPage
    {
        try await log.read(partition, from: offset, records: records, bytes: bytes)
    }
    func bounds(_ topic: String) async throws -> [PartitionBounds] { try await log.bounds(topic) }
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
