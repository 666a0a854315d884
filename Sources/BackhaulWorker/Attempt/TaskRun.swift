internal import BackhaulDestinations
internal import BackhaulDomain
internal import BackhaulLog
internal import BackhaulRecords
internal import BackhaulTelemetry
internal import BackhaulUnits
internal import Logging

/// Runs one delivery: upload, decision and settlement.
struct TaskRun: Sendable {
    let task: TaskDelivery
    /// Whether its destination takes the uploads of a key in order. The task then waits in memory and is never
    /// moved.
    let isOrdered: Bool
    /// Whether the record was appended after this lane acquired its partition.
    let isOnlyOwner: Bool
    let stopper: Stopper
    let context: LaneContext

    private var settler: Settler { context.settler }
    private var options: WorkerOptions { context.options }
    private var execution: UploadExecution { context.execution }
    private var gate: any UploadGate { context.gate }
    private var decisions: SlotGate { context.decisions }
    private var clock: any LogClock { context.clock }
    private var writer: DecisionWriter { context.writer }
    private var cancellations: Cancellations { context.cancellations }
    private var meters: WorkerMeters { context.meters }

    /// How a run ended.
    enum End: Sendable {
        /// The decision is in the log, or the delivery stays unfinished for the next owner.
        case settled
        /// The task may continue at this time. Its progress is in the log.
        indirect case waits(TaskDelivery, until: Timestamp)
    }

    /// The result of one try.
    private enum Attempt {
        case stored(StoredObject)
        case failed(Failure)
        /// The deadline had passed before the try began.
        case late
        case stopped
    }

    /// One try, and what it changed in the delivery.
    private struct Tried {
        var attempt: Attempt
        /// By the wall clock.
        var startedAt: Timestamp
        /// By the steady clock, for the duration of the try and for its mark.
        var begun: Timestamp
        /// The trace context of the upload.
        var trace: String?
        /// Whether its in-flight mark is in the log.
        var isMarked = false
    }

    /// What to do with the delivery. Decided by functions that do not suspend: their locals are on a thread's stack
    /// only for a moment, while a suspended task keeps every local of its function. In one function with the
    /// awaits, a delivery took 26 KiB, and a worker on Kafka holds 512 of them.
    private enum Step {
        /// The delivery is done once this unit is in the log.
        case settle(SettleUnit)
        /// The task may continue at `until`, once this unit is in the log.
        indirect case wait(SettleUnit?, TaskDelivery, until: Timestamp)
        /// The delivery stays unfinished, for the next owner.
        case leave
    }

    /// - Throws: `LogError` when the log has failed for good.
    func run() async throws -> End {
        if let step = try beforehand() { return try await take(step) }
        // Held until the decision is in the log, so a crash repeats at most as many uploads as there are slots.
        guard try await stopper.run({ try await decisions.enter(task.task, $0) }) != nil else {
            return try await take(stopped(task))
        }
        defer { decisions.leave(task.task) }
        guard try await stopper.run({ try await gate.enter(task.task, $0) }) != nil else {
            return try await take(stopped(task))
        }
        // The upload slot is released when the upload ends, so others upload while this one is settled.
        let tried: Tried
        do {
            defer { gate.leave(task.task) }
            tried = try await attempt()
        }
        return try await take(decide(tried))
    }

    private func take(_ step: Step) async throws -> End {
        switch step {
        case .settle(let unit):
            _ = try await settler.settle(unit)
            return .settled
        case .wait(let unit, let task, let due):
            if let unit { _ = try await settler.settle(unit) }
            return .waits(task, until: due)
        case .leave:
            return .settled
        }
    }

    /// The step that needs no try; nil when a try has to be made.
    private func beforehand() throws -> Step? {
        if cancellations.contains(task.generation) { return .settle(try cancelled(task, isInterrupted: false)) }
        let now = clock.now
        if let due = task.progress.due, due > now {
            let woken = options.layout.tier(of: task.delivery.stored.position.partition.topic)
            guard case .tier(let tier) = place(for: due, woken: woken, now: now) else {
                return .wait(nil, task, until: due)
            }
            return .settle(writer.moved(task, toTier: tier))
        }
        // A large task whose delay has ended goes back to the large lane, where it does not delay small ones.
        if context.kind == .small, !isOrdered, task.task.size >= options.largeThreshold {
            return .settle(writer.handedOver(task))
        }
        return nil
    }

    private func decide(_ tried: Tried) throws -> Step {
        var task = task
        task.trace = tried.trace ?? task.trace
        if tried.isMarked {
            task.hasCheckpoint = true
            task.isMarked = true
        }
        let startedAt = tried.startedAt
        let now = clock.wall
        measure(tried.attempt, task.task, seconds: max(.zero, clock.now - tried.begun).inSeconds)
        trace(tried.attempt, task, startedAt: startedAt, now: now)
        switch tried.attempt {
        case .stopped:
            return try stopped(task)
        case .late:
            return .settle(try writer.expired(task, after: nil, spends: false, startedAt: startedAt, now: now))
        case .stored(let object):
            var unit = try writer.succeeded(
                task, size: object.size, sha256: object.sha256, verification: object.verification.rawValue,
                keptName: object.keptName, attributes: object.attributes, startedAt: startedAt, now: now)
            // The task was cancelled after the object was stored. No other delivery will remove the cancel request.
            if cancellations.contains(task.generation) {
                unit.appends.append(CancelRecord.tombstone(task.generation, writer.layout))
            }
            return .settle(unit)
        case .failed where cancellations.contains(task.generation):
            return .settle(try cancelled(task, isInterrupted: true))
        case .failed(let failure):
            return try decide(failure, task, startedAt: startedAt, now: now)
        }
    }

    private func decide(_ failure: Failure, _ failed: TaskDelivery, startedAt: Timestamp, now: Timestamp) throws -> Step
    {
        var task = failed
        // Delays use the steady clock and deadlines the wall clock: convert both to the steady clock.
        let steady = clock.now
        let ahead = now - steady
        let verdict = Verdict.decide(
            failure, attempts: task.progress.attempts, policy: options.policy,
            deadline: task.task.deadline.map { $0 - ahead }, now: steady, random: context.random())
        context.failures.note(
            failure, task.task.destination.label,
            [
                "task": "\(task.generation)", "failure": "\(failure)", "next": "\(Self.text(verdict, ahead: ahead))",
                "destination": "\(task.task.destination.label)", "key": "\(task.task.destination.key)",
            ])
        switch verdict {
        case .deadLetter(let spends):
            return .settle(try writer.failed(task, failure, spends: spends, startedAt: startedAt, now: now))
        case .expire(let spends):
            return .settle(try writer.expired(task, after: failure, spends: spends, startedAt: startedAt, now: now))
        case .forget:
            return try stopped(task)
        case .retry(let at, let spends):
            writer.note(failure, spends: spends, in: &task, now: now)
            task.progress.due = at
            let record = try writer.retrying(
                task, failure, startedAt: startedAt, now: now, nextAttemptAt: at + ahead)
            if case .tier(let tier) = place(for: at, now: steady) {
                return .settle(writer.moved(task, toTier: tier, with: [record]))
            }
            // The task waits in memory. Its progress is written to the log first, so that a crash loses nothing.
            let unit = try writer.checkpoint(task, isInFlight: false, with: [record])
            task.hasCheckpoint = true
            task.isMarked = false
            return .wait(unit, task, until: at)
        }
    }

    /// What comes next, for the log.
    private static func text(_ verdict: Verdict, ahead: Duration) -> String {
        switch verdict {
        case .retry(let at, let spends):
            "another attempt at \(TimeText.format(at + ahead))\(spends ? "" : ", which this one does not count against")"
        case .deadLetter: "none, the task has failed"
        case .expire: "none, its deadline comes first"
        case .forget: "another attempt by the next owner"
        }
    }

    private func measure(_ attempt: Attempt, _ upload: UploadTask, seconds: Double) {
        let destination = meters.label(upload.destination.target)
        switch attempt {
        case .late: return
        case .stopped: meters.uploads.observe(seconds, [destination, "interrupted"])
        case .failed(let failure): meters.uploads.observe(seconds, [destination, failure.kind.rawValue])
        case .stored(let object):
            meters.uploads.observe(seconds, [destination, "succeeded"])
            meters.bytes.add(Double(object.size.bytes), [destination])
        }
    }

    private func trace(_ attempt: Attempt, _ task: TaskDelivery, startedAt: Timestamp, now: Timestamp) {
        guard let tracer = context.tracer, let parent = TraceContext(task.trace) else { return }
        var attributes: [String: Span.Value] = [
            "backhaul.tenant": .text(task.task.identity.tenant.text),
            "backhaul.task_id": .text(task.task.identity.id.text),
            "backhaul.generation": .number(Int64(task.progress.generation)),
            "backhaul.attempt": .number(Int64(Domain.counting(task.progress.attempts))),
            "backhaul.destination": .text(task.task.destination.label.text),
            "backhaul.bytes": .number(Int64(clamping: task.task.size.bytes)),
        ]
        var error: String?
        switch attempt {
        case .late: return
        case .stopped: attributes["backhaul.outcome"] = .text("interrupted")
        case .stored: attributes["backhaul.outcome"] = .text("succeeded")
        case .failed(let failure):
            attributes["backhaul.outcome"] = .text(failure.kind.rawValue)
            if let status = failure.httpStatus { attributes["http.response.status_code"] = .number(Int64(status)) }
            error = failure.message
        }
        tracer.record(
            Span(
                "upload", .consumer, parent,
                parent: TraceContext(HeaderName.trace(of: task.delivery.record))?.spanID,
                startedAt: startedAt, endedAt: now, attributes: attributes, error: error))
    }

    private func place(for due: Timestamp, woken: Duration? = nil, now: Timestamp) -> DelayPlan {
        isOrdered ? .memory : DelayPlan.next(tiers: context.tiers, woken: woken, due: due, now: now)
    }

    /// Makes one try. A try that takes longer than `WorkerOptions.markAfter` writes an in-flight mark.
    private func attempt() async throws -> Tried {
        var tried = beginning()
        if case .late = tried.attempt { return tried }
        stopper.isUploading = true
        defer { stopper.isUploading = false }
        begin(tried)
        do {
            let stored = try await stopper.run { interruption in
                do {
                    return Attempt.stored(try await execution.attempt(task.task, interruption, stopper.progress))
                } catch let failure as Failure {
                    return Attempt.failed(failure)
                }
            }
            if let stored { tried.attempt = stored }
        } catch {
            _ = try? await context.marks.end(task.delivery.reference)
            throw error
        }
        tried.isMarked = try await context.marks.end(task.delivery.reference)
        return tried
    }

    /// The start time and trace of a try. Its attempt is `late` when the deadline has passed, else `stopped` until
    /// the try ends.
    private func beginning() -> Tried {
        let startedAt = clock.wall
        let begun = clock.now
        if let deadline = task.task.deadline, startedAt >= deadline {
            return Tried(attempt: .late, startedAt: startedAt, begun: begun)
        }
        let ripe = max(task.progress.due ?? .earliest, task.delivery.stored.appendedAt - task.delivery.skew)
        meters.wait.observe(max(.zero, begun - ripe).inSeconds, [context.kind == .small ? "small" : "large"])
        let parent = TraceContext(HeaderName.trace(of: task.delivery.record))
        return Tried(
            attempt: .stopped, startedAt: startedAt, begun: begun,
            trace: parent.map { context.tracer == nil ? $0.text : $0.child.text })
    }

    private func begin(_ tried: Tried) {
        var task = task
        task.trace = tried.trace
        context.marks.begin(task, at: tried.begun, startedAt: tried.startedAt, progress: stopper.progress)
    }

    /// - Parameter isInterrupted: whether an upload may have been in progress.
    private func cancelled(_ task: TaskDelivery, isInterrupted: Bool) throws -> SettleUnit {
        let now = clock.wall
        // It is certain that no object exists only if no worker can have begun an upload: the record is the first
        // of its generation and was appended while this worker had the partition, so no other worker can have
        // uploaded it and died.
        let topics = [writer.layout.tasks, writer.layout.largeTasks]
        let isFirst =
            topics.contains(task.delivery.stored.position.partition.topic) && !task.progress.isHandedOver
            && task.progress.attempts == 0 && task.progress.crashes == 0 && !task.hasCheckpoint
        let mayExist = isInterrupted || !isFirst || !isOnlyOwner
        return try writer.cancelled(task, objectMayExist: mayExist, startedAt: now, now: now)
    }

    /// The step for work that was stopped: cancel it, move it to another topic, or leave it to the next owner.
    private func stopped(_ task: TaskDelivery) throws -> Step {
        switch stopper.stopped {
        case .cancel:
            return .settle(try cancelled(task, isInterrupted: true))
        case .makeWay where !isOrdered:
            let isWaiting = task.progress.due.map { $0 > clock.now } ?? false
            var unit =
                context.kind == .small && !task.progress.isHandedOver && !isWaiting
                ? writer.handedOver(task) : writer.moved(task, toTier: context.tiers.min() ?? .seconds(1))
            if task.isMarked { unit.appends.append(try writer.released(task, now: clock.wall)) }
            return .settle(unit)
        default:
            // A mark left in the log would count as a crash, but this worker stops in order.
            guard task.hasCheckpoint else { return .leave }
            let now = clock.wall
            let records = task.isMarked ? [try writer.released(task, now: now)] : []
            return .settle(try writer.checkpoint(task, isInFlight: false, with: records))
        }
    }
}
