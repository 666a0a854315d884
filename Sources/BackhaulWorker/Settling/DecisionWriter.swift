package import BackhaulDomain
package import BackhaulFiles
package import BackhaulLog
package import BackhaulRecords
package import BackhaulUnits

/// Creates the records for what happened to a delivery. Pure.
package struct DecisionWriter: Sendable {
    package var layout: TopicLayout
    package var worker: String
    /// Whether terminal outcomes tell what was submitted: on a log that does not refuse another content under the same
    /// id.
    package var tellsContent: Bool
    /// The version of the program, for results.
    package var version: String

    package init(layout: TopicLayout, worker: String, tellsContent: Bool = false, version: String = "") {
        self.version = version
        self.layout = layout
        self.worker = worker
        self.tellsContent = tellsContent
    }

    // MARK: Ends

    /// The object is stored.
    package func succeeded(
        _ task: TaskDelivery, size: ByteCount, sha256: String, verification: String, keptName: ByteText? = nil,
        attributes: FileAttributes? = nil, wasStored: Bool = false, bytesResumed: ByteCount = .zero,
        startedAt: Timestamp, now: Timestamp
    ) throws -> SettleUnit {
        var outcome = outcome(.succeeded, task, startedAt: startedAt, now: now)
        outcome.attempts = Domain.counting(task.progress.attempts)
        outcome.size = size
        outcome.sha256 = sha256
        outcome.verification = verification
        if let keptName { outcome.destination.key = keptName }
        outcome.modifiedAt = attributes?.modifiedAt
        outcome.permissions = attributes?.permissions
        outcome.facts.wasStored = wasStored
        outcome.facts.bytesResumed = bytesResumed
        return finish(task, [try append(outcome, task)])
    }

    /// The task has failed for good: a dead letter with the record's original value, and the outcome.
    package func failed(
        _ task: TaskDelivery, _ failure: Failure, spends: Bool, startedAt: Timestamp, now: Timestamp
    ) throws -> SettleUnit {
        var task = task
        note(failure, spends: spends, in: &task, now: now)
        var outcome = outcome(.failed, task, startedAt: startedAt, now: now)
        outcome.failure = failure
        var progress = task.progress
        progress.due = nil
        progress.uploadState = []
        return finish(
            task,
            [
                DeadLetterRecord.request(
                    task.delivery.record, TaskRecord(task: task.task, progress: progress), failure,
                    origin(task.delivery.stored.position, now), layout),
                try append(outcome, task),
            ])
    }

    /// The deadline leaves no further try. `failure` is the last one; nil without a try.
    package func expired(
        _ task: TaskDelivery, after failure: Failure?, spends: Bool, startedAt: Timestamp, now: Timestamp
    ) throws -> SettleUnit {
        var task = task
        if let failure { note(failure, spends: spends, in: &task, now: now) }
        var outcome = outcome(.expired, task, startedAt: startedAt, now: now)
        outcome.failure = failure
        return finish(task, [try append(outcome, task)])
    }

    /// The task was cancelled, and its cancel outcome is already written. This outcome reports whether an object
    /// may exist, and a tombstone removes the cancel request from the control topic.
    package func cancelled(_ task: TaskDelivery, objectMayExist: Bool, startedAt: Timestamp, now: Timestamp) throws
        -> SettleUnit
    {
        var outcome = outcome(.cancelled, task, startedAt: startedAt, now: now)
        outcome.objectMayExist = objectMayExist
        return finish(task, [try append(outcome, task), CancelRecord.tombstone(task.generation, layout)])
    }

    /// The record is not a task: a dead letter holds its bytes unchanged, and the partition continues. For a record
    /// that is too large to move, the dead letter holds its position.
    package func malformed(_ delivery: Delivery, _ error: RecordError, now: Timestamp) -> SettleUnit {
        let failure = Failure(.malformed, error.description)
        let letter = DeadLetterRecord.request(
            malformed: delivery.record, failure, origin(delivery.stored.position, now), layout)
        return SettleUnit(delivery: delivery.reference, finishes: true, appends: [letter])
    }

    /// The unit that replaces a decision whose records the log refuses for good.
    ///
    /// After the first refusal, the unit keeps the outcomes, checkpoints and control records, and replaces each
    /// other record by a dead letter that names its topic, size and cause. A task that was to be moved has then
    /// failed, and gets that outcome. After the second refusal, the delivery is finished without a record; the
    /// caller logs that.
    package func substitute(_ unit: SettleUnit, _ error: LogError, refusals: Int, now: Timestamp) throws -> SettleUnit {
        guard refusals == 1 else { return SettleUnit(delivery: unit.delivery, finishes: unit.finishes, appends: []) }
        // A mark or report that the log refuses is left out, and the work continues.
        guard unit.finishes else { return SettleUnit(delivery: unit.delivery, finishes: false, appends: []) }
        var appends: [AppendRequest] = []
        for request in unit.appends {
            let isReport = [layout.outcomes, layout.checkpoints, layout.control].contains(request.topic)
            if isReport {
                // The domain bounds the size of these records, so they are never the cause.
                appends.append(request)
                continue
            }
            let failure = Failure(.permanent, "the log refuses the record for \(request.topic): \(error)")
            appends.append(
                DeadLetterRecord.reference(
                    size: request.record.size, failure, origin(unit.delivery.position, now), layout))
            guard request.topic != layout.deadLetters, let moved = try? TaskRecord.read(request.record)
            else { continue }
            let task = moved.task
            var outcome = Outcome(
                kind: .failed, task: moved.generation, batch: task.batch, destination: task.destination,
                attempts: moved.progress.attempts, crashes: moved.progress.crashes, size: task.size, worker: worker,
                acceptedAt: task.acceptedAt, startedAt: now, finishedAt: now,
                submittedBy: task.submitter?.name ?? "")
            outcome.failure = failure
            appends.append(try OutcomeRecord.request(outcome, layout, trace: HeaderName.trace(of: request.record)))
        }
        return SettleUnit(delivery: unit.delivery, finishes: true, appends: appends)
    }

    // MARK: Progress

    /// Records a failed attempt in the task's progress.
    package func note(_ failure: Failure, spends: Bool, in task: inout TaskDelivery, now: Timestamp) {
        task.progress.record(
            AttemptRecord(
                attempt: Domain.counting(task.progress.attempts), at: now, failure: failure.kind.rawValue,
                message: failure.message,
                httpStatus: failure.httpStatus, worker: worker))
        if spends { task.progress.attempts = Domain.counting(task.progress.attempts) }
    }

    /// The outcome of a failed attempt that will be retried.
    /// - Parameter nextAttemptAt: when the next attempt is due, by the wall clock.
    package func retrying(
        _ task: TaskDelivery, _ failure: Failure, startedAt: Timestamp, now: Timestamp, nextAttemptAt: Timestamp?
    ) throws -> AppendRequest {
        var outcome = outcome(.retrying, task, startedAt: startedAt, now: now)
        outcome.failure = failure
        outcome.nextAttemptAt = nextAttemptAt
        return try append(outcome, task)
    }

    /// The outcome that marks an upload as in flight.
    package func started(_ task: TaskDelivery, startedAt: Timestamp, now: Timestamp) throws -> AppendRequest {
        var outcome = outcome(.started, task, startedAt: startedAt, now: now)
        outcome.attempts = Domain.counting(task.progress.attempts)
        return try append(outcome, task)
    }

    /// The report on how far a marked upload has come.
    package func progressed(
        _ task: TaskDelivery, sent: ByteCount, startedAt: Timestamp, now: Timestamp
    ) throws -> SettleUnit {
        var outcome = outcome(.started, task, startedAt: startedAt, now: now)
        outcome.attempts = Domain.counting(task.progress.attempts)
        outcome.bytesSent = min(sent, task.task.size)
        return SettleUnit(
            delivery: task.delivery.reference, finishes: false, appends: [try append(outcome, task)])
    }

    /// The outcome that removes a mark: the upload was interrupted and waits again.
    package func released(_ task: TaskDelivery, now: Timestamp) throws -> AppendRequest {
        try append(outcome(.released, task, startedAt: now, now: now), task)
    }

    /// Moves the task to a retry topic, which delays it by `tier`. `records` are appended with it.
    package func moved(_ task: TaskDelivery, toTier tier: Duration, with records: [AppendRequest] = []) -> SettleUnit {
        finish(task, [move(task, to: layout.retry(tier))] + records)
    }

    /// Moves the task to the large lane. Done once per task; spends no attempt.
    package func handedOver(_ task: TaskDelivery) -> SettleUnit {
        var task = task
        task.progress.isHandedOver = true
        task.progress.due = nil
        return finish(task, [move(task, to: layout.largeTasks)])
    }

    /// Writes a checkpoint for the next owner without finishing the delivery.
    package func checkpoint(
        _ task: TaskDelivery, isInFlight: Bool, with records: [AppendRequest] = []
    ) throws -> SettleUnit {
        let checkpoint = Checkpoint(task: task.generation, isInFlight: isInFlight, progress: task.progress)
        let request = try CheckpointRecord.request(checkpoint, of: task.delivery.stored.position, layout)
        return SettleUnit(delivery: task.delivery.reference, finishes: false, appends: [request] + records)
    }

    // MARK: Helpers

    private func finish(_ task: TaskDelivery, _ records: [AppendRequest]) -> SettleUnit {
        var records = records
        if task.hasCheckpoint {
            records.append(CheckpointRecord.tombstone(of: task.delivery.stored.position, layout))
        }
        return SettleUnit(delivery: task.delivery.reference, finishes: true, appends: records)
    }

    private func move(_ task: TaskDelivery, to topic: String) -> AppendRequest {
        TaskRecord.moved(task.delivery.record, task.task, task.progress, to: topic)
    }

    private func origin(_ position: LogPosition, _ now: Timestamp) -> DeadLetterRecord.Origin {
        DeadLetterRecord.Origin(position: position, failedAt: now, worker: worker)
    }

    private func outcome(_ kind: OutcomeKind, _ task: TaskDelivery, startedAt: Timestamp, now: Timestamp) -> Outcome {
        var outcome = Outcome(
            kind: kind, task: task.generation, batch: task.task.batch, destination: task.task.destination,
            attempts: task.progress.attempts, crashes: task.progress.crashes, size: task.task.size, worker: worker,
            acceptedAt: task.task.acceptedAt, startedAt: startedAt, finishedAt: now,
            submittedBy: task.task.submitter?.name ?? "")
        guard kind.isTerminal else { return outcome }
        outcome.facts = OutcomeFacts(
            source: task.task.source, contentType: task.task.contentType, effort: task.progress.effort,
            replay: task.progress.replay, failures: task.progress.history,
            origin: task.delivery.stored.position.description, version: version)
        return outcome
    }

    private func append(_ outcome: Outcome, _ task: TaskDelivery) throws -> AppendRequest {
        var outcome = outcome
        if tellsContent, outcome.kind.isTerminal { outcome.fingerprint = try TaskFingerprint.of(task.task) }
        return try OutcomeRecord.request(
            outcome, layout, trace: task.trace ?? HeaderName.trace(of: task.delivery.record))
    }
}
