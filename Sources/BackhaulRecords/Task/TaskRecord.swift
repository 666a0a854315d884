package import BackhaulDomain
package import BackhaulLog

/// A record of a task topic or a retry topic: the task as it was accepted, and its progress since.
package struct TaskRecord: Hashable, Sendable {
    package var task: UploadTask
    package var progress: TaskProgress

    package init(task: UploadTask, progress: TaskProgress) {
        self.task = task
        self.progress = progress
    }

    package var generation: TaskGeneration {
        TaskGeneration(identity: task.identity, generation: progress.generation)
    }

    // MARK: Reading

    /// - Throws: `RecordError` when the record is not a task, or is too large to move.
    package static func read(_ record: LogRecord) throws(RecordError) -> TaskRecord {
        guard record.isMovable else {
            throw .invalid(
                what: "task",
                problem: "it has \(record.size) bytes, but at most \(LogRecord.largestMovable) can be moved")
        }
        try RecordError.requireSigned(record, what: "task")
        let task = try TaskCodec.decode(record.value)
        return TaskRecord(task: task, progress: try ProgressHeaders.decode(record))
    }

    /// Whether the record has a generation header, as replays do: a cheap check before decoding.
    package static func isReplay(_ record: LogRecord) -> Bool { record.header(HeaderName.generation) != nil }

    // MARK: Writing

    /// The record of an accepted task. A log that refuses known submissions appends it once.
    /// - Parameter trace: a `traceparent`; nil for none.
    package static func accepted(_ task: UploadTask, topic: String, trace: String?) throws -> AppendRequest {
        AppendRequest(
            topic: topic, partitioning: .hash(task.partitionKey),
            record: LogRecord(
                key: task.partitionKey, value: try TaskCodec.encode(task),
                headers: HeaderName.headers(contentType: TaskCodec.contentType, trace: trace)),
            identity: RecordIdentity(
                name: SubmissionName.task(task.identity), fingerprint: try TaskFingerprint.of(task)))
    }

    /// The record of a task that is submitted again after its last generation ended. A log that refuses known
    /// submissions appends each generation once.
    /// - Parameter trace: a `traceparent`; nil for none.
    package static func again(
        _ task: UploadTask, generation: Int, topic: String, trace: String?
    ) throws -> AppendRequest {
        let first = try accepted(task, topic: topic, trace: trace)
        return try replayed(first.record, task, isChanged: false, generation: generation, to: topic)
    }

    /// The same record in another topic, with new progress headers.
    package static func moved(
        _ record: LogRecord, _ task: UploadTask, _ progress: TaskProgress, to topic: String
    ) -> AppendRequest {
        AppendRequest(
            topic: topic, partitioning: .hash(task.partitionKey),
            record: LogRecord(
                key: record.key, value: record.value, headers: ProgressHeaders.replace(in: record, by: progress)))
    }

    /// A record of an earlier generation as a new task of `generation`. A log that refuses known submissions
    /// appends each generation once.
    /// - Parameters:
    ///   - isChanged: whether `task` differs from the record. Then it is encoded again; otherwise its bytes are kept.
    ///   - replay: the id of the replay that it belongs to; empty for none.
    package static func replayed(
        _ record: LogRecord, _ task: UploadTask, isChanged: Bool, generation: Int, to topic: String,
        replay: String = ""
    ) throws -> AppendRequest {
        var progress = TaskProgress(generation: generation)
        progress.replay = replay
        return AppendRequest(
            topic: topic, partitioning: .hash(task.partitionKey),
            record: LogRecord(
                key: isChanged ? task.partitionKey : record.key,
                value: isChanged ? try TaskCodec.encode(task) : record.value,
                headers: ProgressHeaders.replace(in: record, by: progress)),
            identity: RecordIdentity(
                name: SubmissionName.replay(TaskGeneration(identity: task.identity, generation: generation)),
                fingerprint: []))
    }
}
