package import BackhaulDomain
package import BackhaulLog
internal import BackhaulRecords
package import BackhaulTelemetry
package import Logging
internal import Synchronization

/// Records every completion: reads outcomes, writes exactly one result for each task generation.
///
/// A result is appended in the same step that moves the group past its outcome. The index of a partition (`ResultIndex`) is
/// brought up to the committed results of that partition before the first outcome is taken, so an acknowledger that takes
/// over knows what its predecessor recorded.
package final class Acknowledger: Sendable {
    private let log: any MessageLog
    private let layout: TopicLayout
    private let clock: any LogClock
    private let logger: Logger
    private let tracer: Tracer?
    private let failPoint: @Sendable (String) -> Void
    private let indexes: ResultIndexes

    private struct State {
        var session: (any LogSession)?
        var isStopped = false
    }

    private let state = Mutex(State())
    private let results = Counter("backhaul_results_total", "Results that were recorded.", labels: ["status"])
    private let ages = Histogram(
        "backhaul_task_duration_seconds", "From a task's acceptance to its result.",
        bounds: Histogram.seconds + [86_400, 604_800])
    private let malformed = Counter(
        "backhaul_malformed_outcomes_total", "Records of the outcomes topic that are no outcomes.")
    private let refusals = Counter(
        "backhaul_refused_results_total",
        "Results that the log refuses for good: named by a dead letter, or passed over.", labels: ["end"])
    private static let intake = 2_000

    /// - Parameters:
    ///   - indexes: which results there are.
    ///   - failPoint: told of each step, where a test ends the process: `assigned`, `folded`, `taken`, `recorded`.
    package init(
        log: any MessageLog, layout: TopicLayout, indexes: ResultIndexes, clock: any LogClock, logger: Logger,
        tracer: Tracer? = nil, failPoint: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.indexes = indexes
        self.failPoint = failPoint
        self.tracer = tracer
        self.log = log
        self.layout = layout
        self.clock = clock
        self.logger = logger
    }

    /// Works until `stop`.
    /// - Throws: `LogError` when the log has failed for good.
    package func run(onReady: @escaping @Sendable () -> Void = {}) async throws {
        // Before it is in the group: a partition that it gets needs only what has come since.
        guard try await asking("the results", { try await indexes.warmUp() }) != nil else { return }
        // Its decisions rest on the results that it knew at assignment: what was in hand at a loss is decided anew.
        let subscription = Subscription(group: layout.acknowledgers, topic: layout.outcomes, keepsAcrossLoss: false)
        guard let session = try await asking("the log", { try await log.openSession([subscription]) }) else { return }
        let isStopped = state.withLock { state in
            state.session = session
            return state.isStopped
        }
        // Asked to stop before there was anything to stop.
        if isStopped { await session.close() }
        await session.grant(Self.intake)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                guard (try? await session.joined()) != nil else { return }
                onReady()
            }
            group.addTask {
                do {
                    try await self.record(session)
                } catch {
                    // The group must not wait for a member that takes nothing any more.
                    await session.close()
                    throw error
                }
            }
            // Writes beside the decisions, until they have ended.
            let writing = Signal()
            group.addTask {
                await withTaskGroup(of: Void.self) { group in
                    group.addTask { await self.indexes.run() }
                    group.addTask { await writing.wait() }
                    await group.next()
                    group.cancelAll()
                }
            }
            for _ in 0..<2 { try await group.next() }
            writing.raise()
            while try await group.next() != nil {}
        }
    }

    private func record(_ session: any LogSession) async throws {
        var folds: [Int: ResultIndex] = [:]
        func forget(_ partitions: some Sequence<TopicPartition>) {
            for partition in partitions {
                folds[partition.partition] = nil
                indexes.letGo(partition.partition)
            }
        }
        while let event = try await session.next() {
            switch event {
            case .assigned(let partitions):
                failPoint("assigned")
                let numbers = partitions.map(\.partition.partition)
                for number in numbers { indexes.hold(number) }
                let known = try await asking("the results of \(numbers.count) partitions") {
                    try await indexes.takeOver(numbers)
                }
                // Stopped meanwhile: without the results nothing may be decided.
                guard let known else { return }
                folds.merge(known) { $1 }
                failPoint("folded")
            case .revoking(let revocation):
                forget(revocation.partitions)
                try await session.release(revocation)
            case .lost(let revocation):
                forget(revocation.partitions)
            case .delivered(let deliveries):
                failPoint("taken")
                do {
                    try await record(deliveries, folds, session)
                } catch is Stopped {
                    // What is unsettled, the next owner records.
                    return
                }
                failPoint("recorded")
                await session.grant(deliveries.count)
            case .blocked:
                // Every delivery is settled before the next is taken: no head can hold a partition back.
                continue
            }
        }
    }

    /// Asks the log until it answers; nil once the acknowledger is stopped.
    private func asking<Value: Sendable>(_ what: String, _ body: () async throws -> Value) async throws -> Value? {
        try await Patience.keepAsking(clock: clock) {
            state.withLock(\.isStopped)
        } onWait: { error in
            logger.warning("waiting for \(what)", metadata: ["error": "\(error)"])
        } _: {
            try await body()
        }
    }

    package var families: [MetricFamily] {
        [results.family, ages.family, malformed.family, refusals.family]
    }

    /// What operators should know of, though the acknowledger works; nil for nothing.
    package var remark: String? {
        let count = refusals.total
        return count == 0 ? nil : "\(Int(count)) results were refused by the log; see 'backhaul dead-letters list'"
    }

    package func stop() async {
        let session = state.withLock { state in
            state.isStopped = true
            return state.session
        }
        await session?.close()
    }

    private func record(
        _ deliveries: [Delivery], _ folds: [Int: ResultIndex], _ session: any LogSession
    ) async throws {
        // The flush in hand: counts for the decisions of this batch, and for good once it is committed.
        var inHand: [TaskGeneration: OutcomeKind] = [:]
        var units: [SettleUnit] = []
        var recorded: [Int: [Outcome]] = [:]
        for delivery in deliveries {
            let number = delivery.stored.position.partition.partition
            var appends: [AppendRequest] = []
            do {
                let outcome = try OutcomeRecord.read(delivery.record)
                let isKnown = try await isRecorded(outcome.task, folds[number])
                if outcome.kind.isTerminal, !isKnown, inHand[outcome.task] == nil {
                    inHand[outcome.task] = outcome.kind
                    let context = trace(outcome, delivery)
                    appends = [try ResultRecord.request(outcome, partition: number, layout, trace: context)]
                    // With the result, so that no cancel counts without the workers being told.
                    if outcome.kind == .cancelled {
                        appends.append(try CancelRecord.request(outcome.task, at: clock.wall, layout))
                    }
                    recorded[number, default: []].append(outcome)
                } else if outcome.kind.isTerminal {
                    // A worker has met the task after all, whatever came of it: nobody has to be told any more.
                    let known = try folds[number]?.find(outcome.task)
                    let isCancelled = inHand[outcome.task] == .cancelled || known?.isCancel == true
                    if isCancelled, !outcome.isByCaller {
                        appends = [CancelRecord.tombstone(outcome.task, layout)]
                    }
                    logger.info("a second outcome of a finished task", metadata: ["task": "\(outcome.task)"])
                }
            } catch let error as RecordError {
                malformed.add()
                logger.warning(
                    "a record is no outcome",
                    metadata: ["position": "\(delivery.stored.position)", "error": "\(error)"])
            }
            units.append(SettleUnit(delivery: delivery.reference, finishes: true, appends: appends))
        }
        let outcomes = try await session.settleEach(units) { part in
            let settled = try await asking("the log to take results") { try await session.settle(part) }
            guard let settled else { throw Stopped() }
            return settled
        } substitute: { unit, error, refusals in
            refused(unit, error, refusals)
        }
        let settled = Set(
            zip(units, outcomes).filter { $0.1 == .settled }.map(\.0.delivery.position.partition.partition))
        for (number, tasks) in recorded where settled.contains(number) {
            var offset = try await firstOffset(of: tasks.count, in: number)
            for outcome in tasks {
                results.add(1, [outcome.kind.rawValue])
                ages.observe(Double(max(0, clock.wall - outcome.acceptedAt)) / 1_000)
                indexes.insert(outcome.task, in: number, at: offset, isCancel: outcome.kind == .cancelled)
                offset = offset?.addingClamped(1)
            }
        }
    }

    /// Asked to stop while the log is away.
    private struct Stopped: Error {}

    /// The log refuses a result for good: a dead letter names its outcome, or at last nothing does; said and counted.
    private func refused(_ unit: SettleUnit, _ error: LogError, _ refusals: Int) -> SettleUnit {
        let position = unit.delivery.position
        self.refusals.add(1, [refusals == 1 ? "dead-lettered" : "skipped"])
        logger.error(
            refusals == 1
                ? "the log refuses a result: a dead letter names its outcome"
                : "the log refuses even the dead letter: the outcome is passed over",
            metadata: [
                "position": "\(position)", "error": "\(error)",
                "bytes": "\(unit.appends.map(\.record.size).max() ?? 0)",
            ])
        let letter = DeadLetterRecord.reference(
            size: unit.appends.map(\.record.size).max() ?? 0,
            Failure(.malformed, "the log does not take the result: \(error)"),
            DeadLetterRecord.Origin(position: position, failedAt: clock.wall, worker: nil), layout)
        return SettleUnit(
            delivery: unit.delivery, finishes: unit.finishes, appends: refusals == 1 ? [letter] : [])
    }

    /// Whether a generation has its result, and the log still holds it. What has aged out is forgotten whole: the log takes
    /// the same task as a new one then, and it has a result of its own.
    private func isRecorded(_ task: TaskGeneration, _ index: ResultIndex?) async throws -> Bool {
        guard let index, try index.find(task) != nil else { return false }
        // Asked only for a second outcome of one task, which is seldom.
        let bounds = try await resultBounds()
        let number = Partitioner.partition(of: Array(task.identity.id.utf8), among: bounds.count)
        if let found = bounds.first(where: { $0.partition.partition == number }) {
            index.forget(before: found.earliest)
        }
        return try index.find(task) != nil
    }

    private func resultBounds() async throws -> [PartitionBounds] {
        try await asking("the ends of the results") { try await log.bounds(layout.results) } ?? []
    }

    /// Where the first of the results that were just recorded in a partition is. On a log with transaction markers it cannot
    /// be told; there its place is unknown until it is read.
    private func firstOffset(of count: Int, in number: Int) async throws -> Int64? {
        guard log.abilities.contains(.refusesKnownIdentity) else { return nil }
        return try await resultBounds().first { $0.partition.partition == number }.map { max(0, $0.end - Int64(count)) }
    }

    /// The trace that a result carries on, and a span for its recording.
    private func trace(_ outcome: Outcome, _ delivery: Delivery) -> String? {
        guard let parent = TraceContext(HeaderName.trace(of: delivery.record)) else { return nil }
        guard let tracer else { return parent.text }
        let context = parent.child
        tracer.record(
            Span(
                "result", .consumer, context, parent: parent.spanID, startedAt: delivery.stored.appendedAt,
                endedAt: max(delivery.stored.appendedAt, clock.now),
                attributes: [
                    "backhaul.tenant": .text(outcome.task.identity.tenant.text),
                    "backhaul.task_id": .text(outcome.task.identity.id.text),
                    "backhaul.status": .text(outcome.kind.rawValue),
                ]))
        return context.text
    }
}
