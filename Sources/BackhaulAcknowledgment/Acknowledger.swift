package import BackhaulDomain
package import BackhaulLog
internal import BackhaulRecords
package import BackhaulTelemetry
internal import BackhaulUnits
package import Logging
internal import Synchronization

/// Records every completion: reads outcomes and writes exactly one result per task generation.
///
/// A result is appended in the same step that commits the offset of its outcome. Before the first outcome of a
/// partition is handled, its index (`ResultIndex`) is brought up to the committed results of the partition, so a
/// new owner knows what the previous one recorded.
package final class Acknowledger: Sendable {
    private let log: any MessageLog
    private let layout: TopicLayout
    private let clock: any LogClock
    private let logger: Logger
    private let tracer: Tracer?
    private let failPoint: @Sendable (String) -> Void
    private let indexes: ResultIndexes
    private let names: Set<ByteText>
    private let tenants: TenantRules

    private struct State {
        var session: (any LogSession)?
        var isStopped = false
        /// Partitions of results, and so of outcomes; 1 until they are known.
        var partitions = 1
    }

    private let state = Mutex(State())
    private let results = Counter("backhaul_results_total", "Results that were recorded.", labels: ["status"])
    private let ages = Histogram(
        "backhaul_task_duration_seconds", "How long it took from the acceptance of a task until it was stored.",
        labels: ["destination", "tenant_class"], bounds: Histogram.seconds + [86_400, 604_800])
    private let failures = Counter(
        "backhaul_failed_tasks_total", "Results 'failed', by destination and class of failure.",
        labels: ["destination", "class"])
    private let secondOutcomes = Counter(
        "backhaul_second_outcomes_total", "Terminal outcomes of generations that had their result.")
    /// By destination.
    private let lastSuccesses = Mutex<[String: Timestamp]>([:])
    private let malformed = Counter(
        "backhaul_malformed_outcomes_total", "Records of the outcomes topic that are not outcomes.")
    private let conflicting = Counter(
        "backhaul_conflicts_total", "Submissions with the id of an earlier task and other content.")
    private let refusals = Counter(
        "backhaul_refused_results_total",
        "Results that the log refuses for good: named by a dead letter, or skipped.", labels: ["end"])
    private static let intake = 2_000

    /// - Parameters:
    ///   - indexes: the indexes of the results recorded so far.
    ///   - names: of the configured destinations, for metrics: the number of others is not bounded.
    ///   - tenants: their classes, for metrics.
    ///   - failPoint: called at each step, so that a test can end the process there: `assigned`, `folded`, `taken`,
    ///     `recorded`.
    package init(
        log: any MessageLog, layout: TopicLayout, indexes: ResultIndexes, clock: any LogClock, logger: Logger,
        names: Set<ByteText> = [], tenants: TenantRules = TenantRules(), tracer: Tracer? = nil,
        failPoint: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.indexes = indexes
        self.names = names
        self.tenants = tenants
        self.failPoint = failPoint
        self.tracer = tracer
        self.log = log
        self.layout = layout
        self.clock = clock
        self.logger = logger
    }

    /// Runs until `stop`.
    /// - Parameter onReady: called once the group is joined.
    /// - Throws: `LogError` when the log has failed for good.
    package func run(onReady: @escaping @Sendable () -> Void = {}) async throws {
        // Done before it joins the group: an assigned partition then needs only the results that came since.
        guard try await asking("the results", { try await indexes.warmUp() }) != nil else { return }
        // Its decisions depend on the results known at assignment, so deliveries held at a loss must be decided
        // again.
        let subscription = Subscription(group: layout.acknowledgers, topic: layout.outcomes, keepsAcrossLoss: false)
        guard let session = try await asking("the log", { try await log.openSession([subscription]) }) else { return }
        let isStopped = state.withLock { state in
            state.session = session
            return state.isStopped
        }
        // `stop` was called before the session existed.
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
                    // This member takes no more deliveries, so its group must not wait for it.
                    await session.close()
                    throw error
                }
            }
            // Maintains the indexes concurrently, until the decisions have ended.
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
                // Stopped meanwhile. Without the results nothing may be decided.
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
                    // The next owner records what is not settled.
                    return
                }
                failPoint("recorded")
                await session.grant(deliveries.count)
            case .blocked:
                // Every batch is settled before the next one is taken, so no delivery can block its partition.
                continue
            }
        }
    }

    /// Retries a call to the log until it succeeds. Returns nil once the acknowledger is stopped.
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
        [
            results.family, ages.family, failures.family, secondOutcomes.family, malformed.family, conflicting.family,
            refusals.family,
            MetricFamily(
                "backhaul_last_success_timestamp_seconds", "When an upload to the destination was last recorded.",
                .gauge,
                lastSuccesses.withLock(\.self).sorted { $0.key < $1.key }.map {
                    MetricFamily.Sample(Double($0.value.milliseconds / 1_000), [.init("destination", $0.key)])
                }),
        ]
    }

    /// What operators should know even though the acknowledger is running; nil for nothing.
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
        // Results of this batch: they count for its later decisions, and are permanent once the batch is committed.
        var inHand: [TaskGeneration: Outcome] = [:]
        var conflicts: [TaskGeneration: Int] = [:]
        var units: [SettleUnit] = []
        var recorded: [Int: [Outcome]] = [:]
        for delivery in deliveries {
            let number = delivery.stored.position.partition.partition
            var appends: [AppendRequest] = []
            do {
                let outcome = try OutcomeRecord.read(delivery.record)
                try await requirePlace(of: outcome.task, in: number)
                let isKnown = try await isRecorded(outcome.task, folds[number])
                if outcome.kind.isTerminal, !isKnown, inHand[outcome.task] == nil {
                    inHand[outcome.task] = outcome
                    let context = trace(outcome, delivery)
                    appends = [try ResultRecord.request(outcome, partition: number, layout, trace: context)]
                    // Appended with the result, so that workers learn of every recorded cancel.
                    if outcome.kind == .cancelled {
                        appends.append(try CancelRecord.request(outcome.task, at: clock.wall, layout))
                    }
                    recorded[number, default: []].append(outcome)
                } else if outcome.kind.isTerminal {
                    // A worker has observed the cancelled task, whatever its outcome, so the cancel request is not
                    // needed any more.
                    let known = try folds[number]?.find(outcome.task)
                    let isCancelled = inHand[outcome.task]?.kind == .cancelled || known?.isCancel == true
                    if isCancelled, !outcome.isByCaller {
                        appends = [CancelRecord.tombstone(outcome.task, layout)]
                    }
                    secondOutcomes.add()
                    logger.info("a second outcome of a finished task", metadata: ["task": "\(outcome.task)"])
                    let marker = try Self.conflict(
                        outcome, inHand[outcome.task], known?.content, folds[number])
                    if let marker, conflicts[marker] == nil {
                        conflicts[marker] = number
                        appends.append(
                            try ConflictRecord.request(
                                outcome, partition: number, layout, trace: trace(outcome, delivery)))
                        logger.warning(
                            "a task was submitted twice, with different contents",
                            metadata: ["task": "\(outcome.task)", "key": "\(outcome.destination.key)"])
                    }
                }
            } catch let error as RecordError {
                malformed.add()
                logger.warning(
                    "a record is not an outcome",
                    metadata: ["position": "\(delivery.stored.position)", "error": "\(error)"])
            }
            units.append(SettleUnit(delivery: delivery.reference, finishes: true, appends: appends))
        }
        let outcomes = try await session.settleEach(units) { part in
            let settled = try await asking("the log to accept results") { try await session.settle(part) }
            guard let settled else { throw Stopped() }
            return settled
        } substitute: { unit, error, refusals in
            refused(unit, error, refusals)
        }
        let settled = Set(
            zip(units, outcomes).filter { $0.1 == .settled }.map(\.0.delivery.position.partition.partition))
        for (marker, number) in conflicts where settled.contains(number) {
            conflicting.add()
            indexes.insert(marker, in: number, at: nil, isCancel: false)
        }
        for (number, tasks) in recorded where settled.contains(number) {
            var offset = try await firstOffset(of: tasks.count, in: number)
            for outcome in tasks {
                results.add(1, [outcome.kind.rawValue])
                note(outcome)
                indexes.insert(
                    outcome.task, in: number, at: offset, isCancel: outcome.kind == .cancelled,
                    content: ContentMark(outcome.fingerprint))
                offset = offset?.addingClamped(1)
            }
        }
    }

    /// The index of one partition knows its own results only: an outcome that another program wrote elsewhere would
    /// get its task a second result.
    /// - Throws: `RecordError` for an outcome that is not in the partition of its task.
    private func requirePlace(of task: TaskGeneration, in number: Int) async throws {
        func isPlace(among count: Int) -> Bool {
            Partitioner.partition(of: Array(task.identity.id.utf8), among: count) == number
        }
        if isPlace(among: state.withLock(\.partitions)) { return }
        // The first time, or after partitions were added.
        let count = try await resultBounds().count
        guard count > 0 else { throw Stopped() }
        state.withLock { $0.partitions = count }
        guard isPlace(among: count) else {
            throw RecordError.invalid(what: "outcome", problem: "it is not in the partition of its task")
        }
    }

    /// Stopped while the log was unavailable.
    private struct Stopped: Error {}

    /// Logs and counts a result that the log refuses for good. Returns the unit that replaces it: a dead letter
    /// that names its outcome, then no record at all.
    private func refused(_ unit: SettleUnit, _ error: LogError, _ refusals: Int) -> SettleUnit {
        let position = unit.delivery.position
        self.refusals.add(1, [refusals == 1 ? "dead-lettered" : "skipped"])
        logger.error(
            refusals == 1
                ? "the log refuses a result; a dead letter names its outcome"
                : "the log refuses even the dead letter; the outcome is skipped",
            metadata: [
                "position": "\(position)", "error": "\(error)",
                "bytes": "\(unit.appends.map(\.record.size).max() ?? .zero)",
            ])
        let letter = DeadLetterRecord.reference(
            size: unit.appends.map(\.record.size).max() ?? .zero,
            Failure(.malformed, "the log refuses the result: \(error)"),
            DeadLetterRecord.Origin(position: position, failedAt: clock.wall, worker: nil), layout)
        return SettleUnit(
            delivery: unit.delivery, finishes: unit.finishes, appends: refusals == 1 ? [letter] : [])
    }

    /// Whether a generation has a result that the log still holds. A result that has aged out does not count: the
    /// log then accepts the same task as a new one, which gets its own result.
    private func isRecorded(_ task: TaskGeneration, _ index: ResultIndex?) async throws -> Bool {
        guard let index, try index.find(task) != nil else { return false }
        // Read only for a second outcome of a task, which is rare.
        let bounds = try await resultBounds()
        let number = Partitioner.partition(of: Array(task.identity.id.utf8), among: bounds.count)
        if let found = bounds.first(where: { $0.partition.partition == number }) {
            index.forget(before: found.earliest)
        }
        return try index.find(task) != nil
    }

    private func label(_ target: DestinationReference.Target) -> String {
        if case .named(let name) = target, names.contains(name) { name.text } else { "url" }
    }

    /// Measures a result that is in the log.
    private func note(_ outcome: Outcome) {
        let destination = label(outcome.destination.target)
        switch outcome.kind {
        case .succeeded:
            // Only what is stored is safe: a task that is cancelled, to be hurried or given up, is not late.
            ages.observe(
                max(.zero, clock.wall - outcome.acceptedAt).inSeconds,
                [destination, tenants.tenantClass(of: outcome.task.identity.tenant)])
            lastSuccesses.withLock { $0[destination] = clock.wall }
        case .failed: failures.add(1, [destination, outcome.failure?.kind.rawValue ?? "unknown"])
        default: break
        }
    }

    /// Whether an outcome of a generation that has its result is of another submission with the same id. A log that
    /// does not refuse it lets both be uploaded, and the outcome that came first has the result.
    /// - Parameters:
    ///   - first: the outcome with the result, where that is decided in this batch.
    ///   - known: the result's entry in the index, where it was decided before.
    /// - Returns: the name of the conflict that has no record yet; nil without one.
    private static func conflict(
        _ outcome: Outcome, _ first: Outcome?, _ known: ContentMark?, _ index: ResultIndex?
    ) throws -> TaskGeneration? {
        let mark = first.map { ContentMark($0.fingerprint) } ?? known ?? .unknown
        guard ContentMark(outcome.fingerprint).differs(from: mark) else { return nil }
        let marker = ConflictRecord.marker(outcome.task, outcome.fingerprint)
        return try index?.find(marker) == nil ? marker : nil
    }

    private func resultBounds() async throws -> [PartitionBounds] {
        try await asking("the ends of the results") { try await log.bounds(layout.results) } ?? []
    }

    /// The offset of the first of the results just recorded in a partition. On a log with transaction markers it is
    /// unknown until the result is read: nil.
    private func firstOffset(of count: Int, in number: Int) async throws -> Int64? {
        guard log.abilities.contains(.refusesKnownIdentity) else { return nil }
        return try await resultBounds().first { $0.partition.partition == number }.map { max(0, $0.end - Int64(count)) }
    }

    /// The trace context of a result; records a span for it.
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
