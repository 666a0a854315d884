package import BackhaulDomain
package import BackhaulLog
package import BackhaulRecords
internal import BackhaulUnits

/// Copies an embedded log's unfinished work and its results into the topics of a cluster, each exactly once.
///
/// Each batch has the records and the offsets that they end at (`MigrationRecord`). A copy that begins again first ends
/// the writer before it, reads the last committed offsets, and goes on from there.
///
/// A result is copied as the outcome that it was recorded for: the cluster's acknowledgers alone record results, so a
/// generation gets one however often its outcome comes. An unfinished task goes to the topic of new tasks, with its
/// attempts, its history and the time when it is due: workers move it to a tier.
package struct MigrationCopy: Sendable {
    private let id: String
    private let origin: String
    private let source: any MessageLog
    private let survey: MigrationSurvey
    private let target: any MessageLog
    private let writer: any ExclusiveWriter
    private let layout: TopicLayout
    private let routing: TaskRouting
    private let clock: any LogClock
    private let ahead: Duration
    private let batchRecords: Int
    private let fingerprints: @Sendable ([[UInt8]]) async throws -> [[UInt8]?]

    /// A batch of so many bytes is written, too.
    private static let batchSize = ByteCount(1 << 20)

    /// The worker of the outcome that says that nobody works on a cancelled task any more.
    private static let worker = "migrate"

    /// - Parameters:
    ///   - id: of the migration, the same in every run.
    ///   - origin: the machine and the data folder, for people.
    ///   - source: the embedded log, closed to new records.
    ///   - survey: of the source.
    ///   - writer: of the target; its name contains `id`.
    ///   - ahead: by how much the cluster's time is ahead of that of the source.
    ///   - batchRecords: a batch has at most so many records that are read, and one for how far the copy is; at most as
    ///     many again for cancels.
    ///   - fingerprints: what was submitted under these names (`SubmissionName`), where the source knows it.
    package init(
        id: String, origin: String, source: any MessageLog, survey: MigrationSurvey, target: any MessageLog,
        writer: any ExclusiveWriter, layout: TopicLayout, routing: TaskRouting, clock: any LogClock,
        ahead: Duration = .zero, batchRecords: Int = 1_000,
        fingerprints: @escaping @Sendable ([[UInt8]]) async throws -> [[UInt8]?]
    ) {
        self.id = id
        self.origin = origin
        self.source = source
        self.survey = survey
        self.target = target
        self.writer = writer
        self.layout = layout
        self.routing = routing
        self.clock = clock
        self.ahead = ahead
        self.batchRecords = batchRecords
        self.fingerprints = fingerprints
    }

    /// How far the migration has come in the cluster, once no earlier writer can add to it; nil when nothing is there.
    /// - Throws: `LogError`; `RecordError` when that cannot be read.
    package static func progress(
        _ id: String, writer: any ExclusiveWriter, target: any MessageLog, _ layout: TopicLayout
    ) async throws -> MigrationRecord? {
        try await writer.begin()
        return try await MigrationRecord.all(target, layout)[id]
    }

    /// Copies what is not copied yet.
    /// - Parameters:
    ///   - onProgress: told after each batch how far the copy has come.
    ///   - onWait: told when the cluster does not answer; the copy tries again, with smaller batches.
    /// - Throws: `LogError` that does not pass, with the record that causes it; `RecordError`.
    package func run(
        onProgress: (MigrationRecord) -> Void, onWait: (LogError) -> Void
    ) async throws -> MigrationRecord {
        var limit = batchRecords
        let done = try await Patience.keepAsking(clock: clock) {
            false
        } onWait: { error in
            onWait(error)
            // A transaction must be sent within its time-out, however slow the link.
            limit = max(1, limit / 2)
        } _: {
            do {
                return try await copy(limit, onProgress)
            } catch let error as LogError where error.concernsRecords && limit > 1 {
                // One by one, to name the record.
                limit = 1
                return try await copy(limit, onProgress)
            }
        }
        guard let done else { throw CancellationError() }
        return done
    }

    private func copy(_ limit: Int, _ onProgress: (MigrationRecord) -> Void) async throws -> MigrationRecord {
        var batch = Batch(
            record: try await Self.progress(id, writer: writer, target: target, layout)
                ?? MigrationRecord(origin: origin, startedAt: clock.wall))
        guard batch.record.finishedAt == nil else { return batch.record }
        for bounds in survey.partitions {
            let partition = bounds.partition
            let from = max(batch.record.cursors[partition] ?? 0, bounds.earliest)
            guard from < bounds.end else { continue }
            try await source.scan(partition, from: from, to: bounds.end) { page in
                for records in page.chunked(limit) {
                    if batch.records + records.count > limit || batch.size >= Self.batchSize {
                        try await write(&batch)
                        onProgress(batch.record)
                    }
                    try await add(records, to: &batch)
                    if let last = records.last { batch.note(last.position) }
                    batch.records += records.count
                }
            }
        }
        batch.record.finishedAt = clock.wall
        try await write(&batch)
        return batch.record
    }

    private struct Batch {
        /// As it will be once the batch is written.
        var record: MigrationRecord
        var requests: [AppendRequest] = []
        var size = ByteCount.zero
        /// How many records of the source it covers, and the last of them.
        var records = 0
        var last: LogPosition?

        /// Notes that everything up to a record is in the batch.
        mutating func note(_ position: LogPosition) {
            record.cursors[position.partition] = position.offset + 1
            last = position
        }

        mutating func append(_ request: AppendRequest) {
            requests.append(request)
            size = size + request.record.size
        }
    }

    /// Writes the batch and what it ends at.
    private func write(_ batch: inout Batch) async throws {
        do {
            try await writer.append(batch.requests + [batch.record.request(id, layout)])
        } catch let error as LogError where error.concernsRecords {
            let topics = Set(batch.requests.map(\.topic)).sorted().joined(separator: ", ")
            throw LogError.recordRefused(
                "\(batch.last.map { "\($0)" } ?? "the end") of the embedded log: \(error); raise max.message.bytes of "
                    + "\(topics)")
        }
        batch.requests = []
        batch.size = .zero
        batch.records = 0
    }

    // MARK: Records

    private func add(_ records: [StoredRecord], to batch: inout Batch) async throws {
        switch records.first?.position.partition.topic {
        case survey.layout.results: try await addResults(records, to: &batch)
        case survey.layout.outcomes:
            for stored in records {
                guard let outcome = try? OutcomeRecord.read(stored.record), isNeeded(outcome, stored.position) else {
                    continue
                }
                batch.append(copied(stored, to: layout.outcomes, key: Array(outcome.task.identity.id.utf8)))
                if outcome.kind == .cancelled {
                    batch.append(try observed(outcome, trace: HeaderName.trace(of: stored.record)))
                }
            }
        case survey.layout.control: try await addReplays(records, to: &batch)
        case survey.layout.deadLetters:
            for stored in records {
                var letter = stored
                // Discards find it by that.
                letter.record.headers.append(LogHeader(HeaderName.moved, text: "\(id) \(stored.position)"))
                batch.append(copied(letter, to: layout.deadLetters))
            }
            batch.record.counts.deadLetters += records.count
        case survey.layout.acts:
            for stored in records { batch.append(copied(stored, to: layout.acts)) }
            batch.record.counts.acts += records.count
        default:
            for stored in records where survey.isUnfinished(stored.position) {
                // What is not a task becomes a dead letter of the cluster's workers.
                guard let read = try? TaskRecord.read(stored.record) else {
                    batch.append(copied(stored, to: layout.tasks))
                    continue
                }
                guard survey.isWaiting(read.generation) else { continue }
                batch.append(task(read, stored))
                batch.record.counts.tasks += 1
            }
        }
    }

    /// Discards and mutes hold in the cluster, too. A replay that is not over ends here: its letters have other places
    /// there, and one with the same selection leaves out what this one has replayed.
    private func addReplays(_ records: [StoredRecord], to batch: inout Batch) async throws {
        let wanted = records.compactMap { survey.replayRecord($0) }
        guard !wanted.isEmpty else { return }
        let muted = try await mutedIssues()
        for (key, content) in wanted {
            switch (key, content) {
            case (.replay, .replay(var replay)):
                replay.migration = id
                batch.append(try replay.request(layout))
                batch.record.counts.replays += 1
            case (.replayState(let replay), .state(var state)):
                if !state.phase.isOver {
                    state.phase = .cancelled
                    state.reason = "the log moved; a replay with this selection leaves out what this one has replayed"
                }
                batch.append(try state.request(replay, layout))
            case (.replayOrder(let replay), .order(let order)): batch.append(try order.request(replay, layout))
            case (.mute(let issue), .mute(let mute)):
                batch.record.counts.replays += 1
                if !muted.contains(issue) { batch.append(try IssueMute.request(mute, issue: issue, layout)) }
            default: break
            }
        }
    }

    /// The issues that the cluster's operators have muted.
    private func mutedIssues() async throws -> Set<String> {
        var muted: Set<String> = []
        let control = TopicPartition(topic: layout.control, partition: 0)
        try await target.scan(control, to: try await target.decided(control)) { records in
            for stored in records {
                guard let (key, content) = try? ControlRecord.read(stored.record), case .mute(let issue) = key else {
                    continue
                }
                if content == .removed { muted.remove(issue) } else { muted.insert(issue) }
            }
        }
        return muted
    }

    private func addResults(_ records: [StoredRecord], to batch: inout Batch) async throws {
        // A result names its task in its headers; one that does not has no name that the source could know.
        let names = records.map { ResultRecord.ending($0.record).map { SubmissionName.task($0.task.identity) } ?? [] }
        for (stored, submitted) in zip(records, try await fingerprints(names)) {
            guard let moved = MovedResult(stored.record, submitted: submitted, layout) else {
                batch.record.counts.unreadable += 1
                continue
            }
            batch.append(moved.request)
            batch.record.counts.results += 1
            if moved.outcome.kind == .cancelled {
                batch.append(try observed(moved.outcome, trace: HeaderName.trace(of: stored.record)))
            }
        }
    }

    /// A cancel makes an acknowledger request that workers drop the task. No worker of the cluster gets the task: this
    /// outcome, as of one that has seen the request, removes it again.
    private func observed(_ cancel: Outcome, trace: String?) throws -> AppendRequest {
        var outcome = cancel
        outcome.worker = Self.worker
        return try OutcomeRecord.request(outcome, layout, trace: trace)
    }

    /// The history of what waits; what the acknowledger has not read; and what owners and audits said of results.
    private func isNeeded(_ outcome: Outcome, _ position: LogPosition) -> Bool {
        if outcome.kind == .acknowledged || outcome.kind == .lost { return true }
        if outcome.kind.isTerminal { return survey.isUnfinished(position) }
        return survey.isWaiting(outcome.task)
    }

    /// The record of a task that waits, with all that is known about it in its headers.
    private func task(_ read: TaskRecord, _ stored: StoredRecord) -> AppendRequest {
        var progress = read.progress
        if let checkpoint = survey.checkpoints[stored.position], checkpoint.task == read.generation {
            progress = checkpoint.inherited
        }
        progress.due = progress.due.map { $0 + ahead }
        let topic = progress.isHandedOver ? layout.largeTasks : routing.topic(of: read.task)
        return TaskRecord.moved(stored.record, read.task, progress, to: topic)
    }

    /// The same record.
    /// - Parameter key: what its partition goes by; nil for the record's key, or its place where it has none.
    private func copied(_ stored: StoredRecord, to topic: String, key: [UInt8]? = nil) -> AppendRequest {
        let key = key ?? stored.record.key ?? Array("\(stored.position)".utf8)
        return AppendRequest(topic: topic, partitioning: .hash(key), record: stored.record)
    }
}

extension [StoredRecord] {
    /// The records in pieces of at most `count`.
    fileprivate func chunked(_ count: Int) -> [[StoredRecord]] {
        stride(from: 0, to: self.count, by: count).map { Array(self[$0..<Swift.min($0 + count, self.count)]) }
    }
}
