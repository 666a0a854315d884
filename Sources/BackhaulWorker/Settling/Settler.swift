internal import BackhaulLog
internal import BackhaulTelemetry
internal import BackhaulUnits
internal import Logging

/// Settles decisions in batches. A flush begins at once when none is running; decisions that arrive during a flush
/// go into the next one. A failed flush is retried unchanged, so that no decision is made twice.
actor Settler {
    private struct Entry {
        let unit: SettleUnit
        let since: ContinuousClock.Instant
        let continuation: CheckedContinuation<SettleOutcome, any Error>
    }

    private let session: any LogSession
    private let writer: DecisionWriter
    private let clock: any LogClock
    private let logger: Logger
    private let meters: WorkerMeters
    private var pending: [Entry] = []
    private var failure: (any Error)?
    private var isEnding = false
    private var isAbandoned = false
    private let signal = Signal()
    /// Half of the tasks that may be pending: while one half is written, the worker runs the other. A batch of all
    /// of them would leave the worker idle during each commit, and then the log idle.
    private var largestBatch: Int

    init(
        session: any LogSession, writer: DecisionWriter, largestBatch: Int, clock: any LogClock, meters: WorkerMeters,
        logger: Logger
    ) {
        self.meters = meters
        self.writer = writer
        self.session = session
        self.largestBatch = largestBatch
        self.clock = clock
        self.logger = logger
    }

    /// Sets the maximum number of units per flush.
    func resize(to batch: Int) { largestBatch = batch }

    /// Settles a unit. Returns once it is durably settled or dropped.
    /// - Throws: `LogError` when the log has failed for good.
    func settle(_ unit: SettleUnit) async throws -> SettleOutcome {
        if let failure { throw failure }
        return try await withCheckedThrowingContinuation { continuation in
            pending.append(Entry(unit: unit, since: .now, continuation: continuation))
            signal.raise()
        }
    }

    /// Flushes until `end` is called and nothing is pending.
    func run() async throws {
        while true {
            if pending.isEmpty {
                if isEnding {
                    // Nobody would flush it.
                    failure = CancellationError()
                    return
                }
                // The lane has failed and will not call `end`. In a cancelled task every wait would end at once.
                guard !Task.isCancelled else {
                    failure = CancellationError()
                    throw CancellationError()
                }
                await signal.wait()
                continue
            }
            let batch = Array(pending.prefix(largestBatch))
            pending.removeFirst(batch.count)
            do {
                let outcomes = try await session.settleEach(batch.map(\.unit)) {
                    try await flush($0)
                } substitute: { unit, error, refusals in
                    try refused(unit, error, refusals)
                }
                let now = ContinuousClock.now
                for (entry, outcome) in zip(batch, outcomes) {
                    meters.settle.observe((now - entry.since) / .seconds(1))
                    entry.continuation.resume(returning: outcome)
                }
            } catch {
                failure = error
                for entry in batch + pending { entry.continuation.resume(throwing: error) }
                pending = []
                throw error
            }
        }
    }

    /// Stops retrying failed flushes. The next owner decides again what is not settled.
    func abandon() {
        isAbandoned = true
    }

    func end() {
        isEnding = true
        signal.raise()
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
                if isAbandoned { throw error }
                logger.warning(
                    "settling failed; retrying",
                    metadata: ["error": "\(error)", "decisions": "\(units.count)", "wait_ms": "\(wait.inMilliseconds)"])
                try await clock.sleep(until: clock.now + wait)
                wait = min(wait * 2, .seconds(5))
            }
        }
    }
}
