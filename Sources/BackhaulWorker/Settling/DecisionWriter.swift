package import BackhaulDomain
package import BackhaulLog
package import BackhaulWire

/// Turns what happened to a delivery into the records that say so; pure.
package struct DecisionWriter: Sendable {
    package var layout: TopicLayout
    package var worker: String

    package init(layout: TopicLayout, worker: String) {
        self.layout = layout
        self.worker = worker
    }

    // MARK: Ends

    /// The object is where it belongs.
    package func succeeded(
        _ task: TaskDelivery, bytes: UInt64, sha256: String, verification: String, startedAt: Int64, now: Int64
    ) throws -> SettleUnit {
        var outcome = outcome(.succeeded, task, startedAt: startedAt, now: now)
        outcome.attempts = Domain.counting(task.progress.attempts)
        outcome.bytes = bytes
        outcome.sha256 = sha256
        outcome.verification = verification
        return finish(task, [try append(outcome, task)])
    }

    /// Given up: a dead letter, its value as it was written, and the outcome.
    package func failed(
        _ task: TaskDelivery, _ failure: Failure, spends: Bool, startedAt: Int64, now: Int64
    ) throws -> SettleUnit {
        var task = task
        note(failure, spends: spends, in: &task, now: now)
        var outcome = outcome(.failed, task, startedAt: startedAt, now: now)
        outcome.failure = failure
        var progress = task.progress
        progress.due = nil
        return finish(
            task,
            [
                deadLetter(task.delivery, progress: progress, failure: failure, now: now, key: task.task.partitionKey),
                try append(outcome, task),
            ])
    }

    /// Its deadline leaves no further try. `failure` is the last one, if there was a try.
    package func expired(
        _ task: TaskDelivery, after failure: Failure?, spends: Bool, startedAt: Int64, now: Int64
    ) throws -> SettleUnit {
        var task = task
        if let failure { note(failure, spends: spends, in: &task, now: now) }
        var outcome = outcome(.expired, task, startedAt: startedAt, now: now)
        outcome.failure = failure
        return finish(task, [try append(outcome, task)])
    }

    /// Its owner wants it no more, and has written its outcome: this one says whether anything may be left behind, and takes
    /// the wish out of the control topic.
    package func cancelled(_ task: TaskDelivery, objectMayExist: Bool, startedAt: Int64, now: Int64) throws
        -> SettleUnit
    {
        var outcome = outcome(.cancelled, task, startedAt: startedAt, now: now)
        outcome.objectMayExist = objectMayExist
        return finish(task, [try append(outcome, task), wishMet(task.generation)])
    }

    /// The record that takes a cancellation out of the control topic.
    package func wishMet(_ task: TaskGeneration) -> AppendRequest {
        AppendRequest(
            topic: layout.control, partitioning: .partition(0),
            record: LogRecord(key: CancelCodec.key(task), value: nil))
    }

    /// Bytes that are not a task: a dead letter as they are, and the partition goes on. Of a record that is too large to be
    /// moved the letter tells where it stands.
    package func malformed(_ delivery: Delivery, _ error: WireError, now: Int64) -> SettleUnit {
        let failure = Failure(.malformed, error.description)
        let letter =
            delivery.record.isMovable
            ? deadLetter(delivery, progress: nil, failure: failure, now: now, key: delivery.record.key ?? [])
            : pointer(to: delivery.stored.position, size: delivery.record.size, failure, now: now)
        return SettleUnit(delivery: delivery.reference, finishes: true, appends: [letter])
    }

    /// What stands for a decision whose records the log refuses for good.
    ///
    /// First what it takes of them, and for each other one a dead letter that names its topic, size and cause; a task that
    /// was to be moved on has failed then, and its outcome says so. If even that is refused, the delivery is finished
    /// without a record: the caller says so.
    package func substitute(_ unit: SettleUnit, _ error: LogError, refusals: Int, now: Int64) throws -> SettleUnit {
        guard refusals == 1 else { return SettleUnit(delivery: unit.delivery, finishes: unit.finishes, appends: []) }
        // A mark or a report that the log does not take is left out; the work goes on.
        guard unit.finishes else { return SettleUnit(delivery: unit.delivery, finishes: false, appends: []) }
        var appends: [AppendRequest] = []
        for request in unit.appends {
            let isReport = [layout.outcomes, layout.checkpoints, layout.control].contains(request.topic)
            if isReport {
                // Bounded by the domain of what they tell: never the cause.
                appends.append(request)
                continue
            }
            let failure = Failure(.permanent, "the log does not take the record for \(request.topic): \(error)")
            appends.append(
                pointer(to: unit.delivery.position, size: request.record.size, failure, now: now))
            guard request.topic != layout.deadLetters, let task = try? TaskCodec.decode(request.record.value),
                let progress = try? ProgressHeaders.decode({ request.record.header($0)?.text })
            else { continue }
            var outcome = Outcome(
                kind: .failed, task: TaskGeneration(identity: task.identity, generation: progress.generation),
                batch: task.batch, destination: task.destination, attempts: progress.attempts,
                crashes: progress.crashes, bytes: task.size, worker: worker, acceptedAt: task.acceptedAt,
                startedAt: now,
                finishedAt: now)
            outcome.failure = failure
            appends.append(try append(outcome, trace: request.record.header(HeaderName.trace)?.text))
        }
        return SettleUnit(delivery: unit.delivery, finishes: true, appends: appends)
    }

    /// A dead letter that names a record in place of holding it.
    private func pointer(to position: LogPosition, size: Int, _ failure: Failure, now: Int64) -> AppendRequest {
        AppendRequest(
            topic: layout.deadLetters, partitioning: .hash(Array(position.description.utf8)),
            record: LogRecord(
                key: Array(position.description.utf8), value: nil,
                headers: cause(failure, at: position, now: now) + [
                    LogHeader(HeaderName.originSize, text: String(size))
                ]))
    }

    private func cause(_ failure: Failure, at position: LogPosition, now: Int64) -> [LogHeader] {
        var headers = [
            LogHeader(HeaderName.causeClass, text: failure.kind.rawValue),
            LogHeader(HeaderName.causeMessage, text: failure.message),
            LogHeader(HeaderName.failedAt, text: String(now)),
            LogHeader(HeaderName.worker, text: worker),
            LogHeader(HeaderName.origin, text: position.description),
        ]
        if let status = failure.httpStatus { headers.append(LogHeader(HeaderName.httpStatus, text: String(status))) }
        return headers
    }

    // MARK: On the way

    /// A failed attempt, noted in the progress.
    package func note(_ failure: Failure, spends: Bool, in task: inout TaskDelivery, now: Int64) {
        task.progress.record(
            AttemptRecord(
                attempt: Domain.counting(task.progress.attempts), at: now, failure: failure.kind.rawValue,
                message: failure.message,
                httpStatus: failure.httpStatus, worker: worker))
        if spends { task.progress.attempts = Domain.counting(task.progress.attempts) }
    }

    /// The outcome of a failed attempt after which there will be another.
    /// - Parameter nextAttemptAt: when that will begin, by the wall clock.
    package func retrying(
        _ task: TaskDelivery, _ failure: Failure, startedAt: Int64, now: Int64, nextAttemptAt: Int64?
    ) throws -> AppendRequest {
        var outcome = outcome(.retrying, task, startedAt: startedAt, now: now)
        outcome.failure = failure
        outcome.nextAttemptAt = nextAttemptAt.map(Domain.time)
        return try append(outcome, task)
    }

    /// The outcome that marks an upload as under way.
    package func started(_ task: TaskDelivery, startedAt: Int64, now: Int64) throws -> AppendRequest {
        var outcome = outcome(.started, task, startedAt: startedAt, now: now)
        outcome.attempts = Domain.counting(task.progress.attempts)
        return try append(outcome, task)
    }

    /// The outcome that takes a mark back: the upload was interrupted and waits again.
    package func released(_ task: TaskDelivery, now: Int64) throws -> AppendRequest {
        try append(outcome(.released, task, startedAt: now, now: now), task)
    }

    /// Moves the task to a retry topic, where it wakes one tier later; `records` go with it.
    package func moved(_ task: TaskDelivery, toTier tier: Int64, with records: [AppendRequest] = []) -> SettleUnit {
        finish(task, [forward(task, to: layout.retry(tier))] + records)
    }

    /// Moves the task to the large lane, once and at no cost.
    package func handedOver(_ task: TaskDelivery) -> SettleUnit {
        var task = task
        task.progress.isHandedOver = true
        task.progress.due = nil
        return finish(task, [forward(task, to: layout.largeTasks)])
    }

    /// Leaves word for the next owner without finishing the delivery.
    package func checkpoint(
        _ task: TaskDelivery, isInFlight: Bool, with records: [AppendRequest] = []
    ) throws -> SettleUnit {
        let checkpoint = Checkpoint(task: task.generation, isInFlight: isInFlight, progress: task.progress)
        let record = LogRecord(
            key: Self.checkpointKey(task.delivery.stored.position), value: try CheckpointCodec.encode(checkpoint),
            headers: [LogHeader(HeaderName.contentType, text: CheckpointCodec.contentType)])
        return SettleUnit(
            delivery: task.delivery.reference, finishes: false,
            appends: [checkpointRequest(task.delivery, record)] + records)
    }

    /// The key of a position's checkpoint.
    package static func checkpointKey(_ position: LogPosition) -> [UInt8] {
        Array("\(position.partition.topic)/\(position.partition.partition)/\(position.offset)".utf8)
    }

    // MARK: Pieces

    private func finish(_ task: TaskDelivery, _ records: [AppendRequest]) -> SettleUnit {
        var records = records
        if task.hasCheckpoint {
            let tombstone = LogRecord(key: Self.checkpointKey(task.delivery.stored.position), value: nil)
            records.append(checkpointRequest(task.delivery, tombstone))
        }
        return SettleUnit(delivery: task.delivery.reference, finishes: true, appends: records)
    }

    private func checkpointRequest(_ delivery: Delivery, _ record: LogRecord) -> AppendRequest {
        AppendRequest(
            topic: layout.checkpoints, partitioning: .partition(delivery.stored.position.partition.partition),
            record: record)
    }

    /// The task's record as it is, with its progress in new headers.
    private func forward(_ task: TaskDelivery, to topic: String) -> AppendRequest {
        AppendRequest(
            topic: topic, partitioning: .hash(task.task.partitionKey),
            record: LogRecord(
                key: task.delivery.record.key, value: task.delivery.record.value,
                headers: Self.headers(task.delivery.record, progress: task.progress)))
    }

    private func deadLetter(
        _ delivery: Delivery, progress: TaskProgress?, failure: Failure, now: Int64, key: [UInt8]
    ) -> AppendRequest {
        var headers = progress.map { Self.headers(delivery.record, progress: $0) } ?? delivery.record.headers
        headers += cause(failure, at: delivery.stored.position, now: now)
        let generation = progress.flatMap { progress in
            (try? TaskCodec.decode(delivery.record.value)).map {
                TaskGeneration(identity: $0.identity, generation: progress.generation)
            }
        }
        return AppendRequest(
            topic: layout.deadLetters, partitioning: .hash(key),
            record: LogRecord(key: delivery.record.key, value: delivery.record.value, headers: headers),
            traces: generation.map(SubmissionName.traces) ?? [])
    }

    /// The producer's own headers, and ours anew.
    private static func headers(_ record: LogRecord, progress: TaskProgress) -> [LogHeader] {
        record.headers.filter { !$0.name.utf8.starts(with: HeaderName.prefix.utf8) }
            + ProgressHeaders.encode(progress).map { LogHeader($0.name, text: $0.text) }
    }

    private func outcome(_ kind: OutcomeKind, _ task: TaskDelivery, startedAt: Int64, now: Int64) -> Outcome {
        Outcome(
            kind: kind, task: task.generation, batch: task.task.batch, destination: task.task.destination,
            attempts: task.progress.attempts, crashes: task.progress.crashes, bytes: task.task.size, worker: worker,
            acceptedAt: task.task.acceptedAt, startedAt: startedAt, finishedAt: now)
    }

    private func append(_ outcome: Outcome, _ task: TaskDelivery) throws -> AppendRequest {
        try append(outcome, trace: task.trace ?? task.delivery.record.header(HeaderName.trace)?.text)
    }

    private func append(_ outcome: Outcome, trace: String?) throws -> AppendRequest {
        AppendRequest(
            topic: layout.outcomes, partitioning: .hash(Array(outcome.task.identity.id.utf8)),
            record: LogRecord(
                key: Array(outcome.task.description.utf8), value: try OutcomeCodec.encode(outcome),
                headers: [LogHeader(HeaderName.contentType, text: OutcomeCodec.contentType)]
                    + (trace.map { [LogHeader(HeaderName.trace, text: $0)] } ?? [])))
    }
}
