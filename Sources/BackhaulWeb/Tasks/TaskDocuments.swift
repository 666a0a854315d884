internal import BackhaulDomain
internal import BackhaulLog
internal import BackhaulRecords
internal import BackhaulView

/// Where a record stands, as callers read it.
struct PositionDocument: Codable, Sendable {
    var topic: String
    var partition: Int
    var offset: Int64

    init(_ position: LogPosition) {
        topic = position.partition.topic
        partition = position.partition.partition
        offset = position.offset
    }

    var position: LogPosition {
        LogPosition(partition: TopicPartition(topic: topic, partition: partition), offset: offset)
    }
}

/// Why something failed, as callers read it.
struct FailureDocument: Encodable, Sendable {
    var kind: String
    var message: String
    var httpStatus: Int?

    init(_ failure: Failure) {
        kind = failure.kind.rawValue
        message = failure.message
        httpStatus = failure.httpStatus
    }
}

/// A task as callers read it: names are those of the result document.
struct StatusDocument: Encodable, Sendable {
    var tenant: ByteText
    var taskId: ByteText
    var generation: Int
    var state: String
    var batch: ByteText
    var source: SourceDocument?
    var destination: ByteText
    var key: ByteText
    var bytes: UInt64
    var acceptedAt: String
    var startedAt: String?
    var finishedAt: String?
    var nextAttemptAt: String?
    var attempts: Int
    var crashes: Int
    var failure: FailureDocument?
    var sha256: String?
    var verification: String?
    var objectMayExist: Bool
    var worker: String
    var acknowledged: Bool
    var position: PositionDocument?
    /// Every try; only where one task is asked for.
    var history: [AttemptDocument]?

    struct SourceDocument: Encodable, Sendable {
        var root: ByteText
        var path: ByteText
    }

    init(_ status: TaskStatus, attempts history: [AttemptStatus]? = nil) {
        tenant = status.task.identity.tenant
        taskId = status.task.identity.id
        generation = status.task.generation
        state = status.state.rawValue
        batch = status.batch
        source = status.position == nil ? nil : SourceDocument(root: status.root, path: status.path)
        destination = status.destination
        key = status.key
        bytes = status.bytes
        acceptedAt = TimeText.format(status.acceptedAt)
        startedAt = status.startedAt.map(TimeText.format)
        finishedAt = status.finishedAt.map(TimeText.format)
        nextAttemptAt = status.nextAttemptAt.map(TimeText.format)
        attempts = status.attempts
        crashes = status.crashes
        failure = status.failure.map(FailureDocument.init)
        sha256 = status.sha256
        verification = status.verification
        objectMayExist = status.objectMayExist
        worker = status.worker
        acknowledged = status.isAcknowledged
        position = status.position.map(PositionDocument.init)
        self.history = history?.map(AttemptDocument.init)
    }
}

/// One try of a task, as callers read it.
struct AttemptDocument: Encodable, Sendable {
    var generation: Int
    var attempt: Int
    /// `retrying` when another try followed, else how the generation ended.
    var outcome: String
    var startedAt: String
    var finishedAt: String
    var failure: FailureDocument?
    var worker: String

    init(_ attempt: AttemptStatus) {
        generation = attempt.generation
        self.attempt = attempt.attempt
        outcome = attempt.outcome
        startedAt = TimeText.format(attempt.startedAt)
        finishedAt = TimeText.format(attempt.finishedAt)
        failure = attempt.failure.map(FailureDocument.init)
        worker = attempt.worker
    }
}

/// A page of tasks.
struct PageDocument: Encodable, Sendable {
    var tasks: [StatusDocument]
    /// Given as `cursor` it asks for the next page; missing at the end.
    var next: String?
}

/// How far a batch has come.
struct BatchDocument: Encodable, Sendable {
    var tenant: ByteText
    var batch: ByteText
    var counts: StatusCounts
    var bytes: Int64
    var bytesSucceeded: Int64
    /// Whether every task has its result.
    var ended: Bool
}

/// What a tenant has under way.
struct UsageDocument: Codable, Sendable {
    var tenant: ByteText
    /// Tasks under way, or ended and not acknowledged.
    var unacknowledged: Int
}
