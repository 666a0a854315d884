internal import BackhaulDestinations
internal import BackhaulDomain
internal import BackhaulLog
internal import BackhaulTelemetry
internal import BackhaulWire
internal import Logging

/// One delivery on its way to a settled decision.
struct TaskRun: Sendable {
    let task: TaskDelivery
    /// Whether its destination takes the uploads of a key in order: it then waits in place and is never moved.
    let isOrdered: Bool
    /// Whether the record was appended while this lane had its partition already.
    let isOnlyOwner: Bool
    let stopper: Stopper
    let tools: LaneTools

    private var settler: Settler { tools.settler }
    private var options: WorkerOptions { tools.options }
    private var execution: UploadExecution { tools.execution }
    private var gate: any UploadGate { tools.gate }
    private var decisions: SlotGate { tools.decisions }
    private var clock: any LogClock { tools.clock }
    private var writer: DecisionWriter { tools.writer }
    private var cancellations: Cancellations { tools.cancellations }
    private var meters: WorkerMeters { tools.meters }

    /// How a run ended.
    enum End: Sendable {
        /// Its decision is in the log, or it stays unfinished for the next owner.
        case settled
        /// It may go on at this time (milliseconds since 1970); what it has gone through is in the log.
        case waits(TaskDelivery, until: Int64)
    }

    /// What one try came to.
    private enum Attempt {
        case stored(StoredObject)
        case failed(Failure)
        /// Its deadline had passed when it could have begun.
        case late
        case stopped
    }

    /// - Throws: `LogError` when the log has failed for good.
    func run() async throws -> End {
        var task = task
        if cancellations.contains(task.generation) {
            try await cancelled(task, isInterrupted: false)
            return .settled
        }
        if let due = task.progress.due, due > clock.now {
            guard case .tier(let tier) = place(for: due, now: clock.now) else { return .waits(task, until: due) }
            _ = try await settler.settle(writer.moved(task, toTier: tier))
            return .settled
        }
        // A large task that woke from its delay goes back to its own lane, where it holds nobody up.
        if tools.kind == .small, !isOrdered, task.task.size >= options.largeThreshold {
            _ = try await settler.settle(writer.handedOver(task))
            return .settled
        }
        let upload = task.task
        // Held until the decision is in the log: a crash then repeats no more uploads than there are places.
        guard try await stopper.run({ try await decisions.enter(upload, $0) }) != nil else {
            try await stopped(task)
            return .settled
        }
        defer { decisions.leave(upload) }
        guard try await stopper.run({ try await gate.enter(upload, $0) }) != nil else {
            try await stopped(task)
            return .settled
        }
        // The slot itself is free as soon as the upload has ended: others upload while this one is settled.
        let attempt: Attempt
        let startedAt: Int64
        do {
            defer { gate.leave(upload) }
            (attempt, startedAt) = try await self.attempt(&task)
        }
        let now = clock.now
        measure(attempt, upload, seconds: Double(max(0, now - startedAt)) / 1_000)
        trace(attempt, task, startedAt: startedAt, now: now)
        switch attempt {
        case .stopped:
            try await stopped(task)
            return .settled
        case .late:
            _ = try await settler.settle(
                try writer.expired(task, after: nil, spends: false, startedAt: startedAt, now: now))
            return .settled
        case .stored(let object):
            var unit = try writer.succeeded(
                task, bytes: object.bytes, sha256: object.sha256, verification: object.verification.rawValue,
                startedAt: startedAt, now: now)
            // Cancelled meanwhile, too late for the object: nobody else will meet the wish.
            if cancellations.contains(task.generation) { unit.appends.append(writer.wishMet(task.generation)) }
            _ = try await settler.settle(unit)
            return .settled
        case .failed where cancellations.contains(task.generation):
            try await cancelled(task, isInterrupted: true)
            return .settled
        case .failed(let failure):
            let verdict = Verdict.decide(
                failure, attempts: task.progress.attempts, policy: options.policy, deadline: task.task.deadline,
                now: now, random: tools.random())
            tools.logger.info(
                "an attempt failed",
                metadata: [
                    "task": "\(task.generation)", "failure": "\(failure)", "verdict": "\(verdict)",
                    "key": "\(task.task.destination.key)",
                ])
            switch verdict {
            case .deadLetter(let spends):
                _ = try await settler.settle(
                    try writer.failed(task, failure, spends: spends, startedAt: startedAt, now: now))
                return .settled
            case .expire(let spends):
                _ = try await settler.settle(
                    try writer.expired(task, after: failure, spends: spends, startedAt: startedAt, now: now))
                return .settled
            case .forget:
                try await stopped(task)
                return .settled
            case .retry(let at, let spends):
                writer.note(failure, spends: spends, in: &task, now: now)
                task.progress.due = at
                let record = try writer.retrying(task, failure, startedAt: startedAt, now: now)
                if case .tier(let tier) = place(for: at, now: now) {
                    _ = try await settler.settle(writer.moved(task, toTier: tier, with: [record]))
                    return .settled
                }
                // It waits here; what it has gone through is written down first, so that a crash forgets nothing.
                _ = try await settler.settle(try writer.checkpoint(task, isInFlight: false, with: [record]))
                task.hasCheckpoint = true
                task.isMarked = false
                return .waits(task, until: at)
            }
        }
    }

    private func measure(_ attempt: Attempt, _ upload: UploadTask, seconds: Double) {
        let destination = meters.label(upload.destination.place)
        switch attempt {
        case .late: return
        case .stopped: meters.uploads.observe(seconds, [destination, "interrupted"])
        case .failed(let failure): meters.uploads.observe(seconds, [destination, failure.kind.rawValue])
        case .stored(let object):
            meters.uploads.observe(seconds, [destination, "succeeded"])
            meters.bytes.add(Double(object.bytes), [destination])
        }
    }

    private func trace(_ attempt: Attempt, _ task: TaskDelivery, startedAt: Int64, now: Int64) {
        guard let tracer = tools.tracer, let context = TraceContext(task.trace) else { return }
        var attributes: [String: Span.Value] = [
            "backhaul.tenant": .text(task.task.identity.tenant), "backhaul.task_id": .text(task.task.identity.id),
            "backhaul.generation": .number(Int64(task.progress.generation)),
            "backhaul.attempt": .number(Int64(task.progress.attempts + 1)),
            "backhaul.destination": .text(task.task.destination.label),
            "backhaul.bytes": .number(Int64(clamping: task.task.size)),
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
                "upload", .consumer, context,
                parent: TraceContext(task.delivery.record.header(HeaderName.trace)?.text)?.spanID,
                startedAt: startedAt, endedAt: now, attributes: attributes, error: error))
    }

    private func place(for due: Int64, now: Int64) -> DelayPlan {
        isOrdered ? .memory : DelayPlan.next(tiers: tools.tiers, due: due, now: now)
    }

    /// One try; after some seconds it leaves its mark.
    /// - Returns: what came of it, and when it began.
    private func attempt(_ task: inout TaskDelivery) async throws -> (Attempt, Int64) {
        let upload = task.task
        let startedAt = clock.now
        if let deadline = upload.deadline, startedAt >= deadline { return (.late, startedAt) }
        let ripe = max(upload.acceptedAt, task.progress.due ?? 0, task.delivery.stored.appendedAt - task.delivery.skew)
        meters.wait.observe(Double(max(0, startedAt - ripe)) / 1_000, [tools.kind == .small ? "small" : "large"])
        let parent = TraceContext(task.delivery.record.header(HeaderName.trace)?.text)
        task.trace = parent.map { tools.tracer == nil ? $0.text : $0.child.text }
        stopper.isUploading = true
        defer { stopper.isUploading = false }
        tools.marks.begin(task, at: startedAt)
        let attempt: Attempt
        do {
            let stored = try await stopper.run { interruption in
                do {
                    return Attempt.stored(try await execution.attempt(upload, interruption))
                } catch let failure as Failure {
                    return Attempt.failed(failure)
                }
            }
            attempt = stored ?? .stopped
        } catch {
            _ = try? await tools.marks.end(task.delivery.reference)
            throw error
        }
        let isMarked = try await tools.marks.end(task.delivery.reference)
        if isMarked {
            task.hasCheckpoint = true
            task.isMarked = true
        }
        return (attempt, startedAt)
    }

    /// - Parameter isInterrupted: whether an upload may have been under way just now.
    private func cancelled(_ task: TaskDelivery, isInterrupted: Bool) async throws {
        let now = clock.now
        // Nothing was left behind only where nobody can have begun: the record is the first of its generation, and was
        // appended while this worker had the partition, so no other was there to upload it and die.
        let topics = [writer.layout.tasks, writer.layout.largeTasks]
        let isFirst =
            topics.contains(task.delivery.stored.position.partition.topic) && !task.progress.isHandedOver
            && task.progress.attempts == 0 && task.progress.crashes == 0 && !task.hasCheckpoint
        let mayExist = isInterrupted || !isFirst || !isOnlyOwner
        _ = try await settler.settle(
            try writer.cancelled(task, objectMayExist: mayExist, startedAt: now, now: now))
    }

    /// The delivery's work was stopped: it stays unfinished for the next owner, or makes way.
    private func stopped(_ task: TaskDelivery) async throws {
        switch stopper.stopped {
        case .cancel:
            try await cancelled(task, isInterrupted: true)
        case .makeWay where !isOrdered:
            let isWaiting = task.progress.due.map { $0 > clock.now } ?? false
            var unit =
                tools.kind == .small && !task.progress.isHandedOver && !isWaiting
                ? writer.handedOver(task) : writer.moved(task, toTier: tools.tiers.min() ?? 1_000)
            if task.isMarked { unit.appends.append(try writer.released(task, now: clock.now)) }
            _ = try await settler.settle(unit)
        default:
            // A mark would count as a crash of this worker, which stops in order.
            guard task.hasCheckpoint else { return }
            let now = clock.now
            let records = task.isMarked ? [try writer.released(task, now: now)] : []
            _ = try await settler.settle(try writer.checkpoint(task, isInFlight: false, with: records))
        }
    }
}
