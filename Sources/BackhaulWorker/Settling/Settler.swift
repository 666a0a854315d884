internal import BackhaulLog
internal import BackhaulTelemetry
internal import BackhaulUnits
internal import Logging
internal import Synchronization

/// Settles decisions in batches, in the order in which they come. A flush begins at once when none is running;
/// decisions that arrive during a flush go into the next one. A failed flush is retried unchanged, so that no decision
/// is made twice.
final class Settler: Sendable {
    private struct Entry: Sendable {
        let settlement: Settlement
        let since: ContinuousClock.Instant
    }

    private struct State {
        var pending: [Entry] = []
        var isEnding = false
        var isAbandoned = false
    }

    private let session: any LogSession
    private let writer: DecisionWriter
    private let clock: any LogClock
    private let logger: Logger
    private let meters: WorkerMeters
    private let state = Mutex(State())
    private let signal = Signal()

    init(
        session: any LogSession, writer: DecisionWriter, clock: any LogClock, meters: WorkerMeters,
        logger: Logger
    ) {
        self.meters = meters
        self.writer = writer
        self.session = session
        self.clock = clock
        self.logger = logger
    }

    /// The maximum number of units in one flush: half of the small tasks that may be pending. While one half is written,
    /// the worker runs the other; a batch of all would leave the worker idle during each commit, and then the log.
    private static let largestBatch = 512

    func add(_ settlements: [Settlement]) {
        let now = ContinuousClock.now
        state.withLock { $0.pending += settlements.map { Entry(settlement: $0, since: now) } }
        signal.raise()
    }

    /// Stops retrying failed flushes. The next owner decides again what is not settled.
    func abandon() { state.withLock { $0.isAbandoned = true } }

    func end() {
        state.withLock { $0.isEnding = true }
        signal.raise()
    }

    /// Flushes until `end` is called and nothing is pending.
    /// - Parameter onSettled: called with what is settled or dropped, after each flush.
    /// - Throws: `LogError` when the log has failed for good; `CancellationError`.
    func run(onSettled: ([Settlement]) -> Void) async throws {
        while true {
            let (batch, isEnding) = state.withLock { state in
                let batch = Array(state.pending.prefix(Self.largestBatch))
                state.pending.removeFirst(batch.count)
                return (batch, state.isEnding)
            }
            guard !batch.isEmpty else {
                if isEnding { return }
                // In a cancelled task every wait would end at once.
                try Task.checkCancellation()
                await signal.wait()
                continue
            }
            let outcomes = try await session.settleEach(batch.map(\.settlement.unit)) {
                try await flush($0)
            } substitute: { unit, error, refusals in
                try refused(unit, error, refusals)
            }
            let now = ContinuousClock.now
            for entry in batch { meters.settle.observe((now - entry.since) / .seconds(1)) }
            onSettled(
                batch.enumerated().map { index, entry in
                    var settlement = entry.settlement
                    settlement.isDropped = index < outcomes.count && outcomes[index] == .dropped
                    return settlement
                })
        }
    }

    /// Logs and counts a decision whose records the log refuses for good, and returns the unit that replaces it.
    private func refused(_ unit: SettleUnit, _ error: LogError, _ refusals: Int) throws -> SettleUnit {
        let cause = refusals == 1 ? "dead-lettered" : "skipped"
        meters.refusals.add(1, [cause])
        logger.error(
            refusals == 1
                ? "the log refuses a decision's records; a dead letter names them"
                : "the log refuses even the dead letter; the record is skipped",
            metadata: [
                "position": "\(unit.delivery.position)", "group": "\(unit.delivery.group)", "error": "\(error)",
                "bytes": "\(unit.appends.map(\.record.size).max() ?? .zero)",
                "topics": "\(unit.appends.map(\.topic).joined(separator: ", "))",
            ])
        return try writer.substitute(unit, error, refusals: refusals, now: clock.wall)
    }

    private func flush(_ units: [SettleUnit]) async throws -> [SettleOutcome] {
        var wait = Duration.milliseconds(200)
        while true {
            do {
                return try await session.settle(units)
            } catch let error as LogError where error.mayPass {
                if state.withLock(\.isAbandoned) { throw error }
                logger.warning(
                    "settling failed; retrying",
                    metadata: ["error": "\(error)", "decisions": "\(units.count)", "wait_ms": "\(wait.inMilliseconds)"])
                try await clock.sleep(until: clock.now + wait)
                wait = min(wait * 2, .seconds(5))
            }
        }
    }
}
