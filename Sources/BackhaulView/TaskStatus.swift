package import BackhaulDomain
package import BackhaulLog
package import BackhaulUnits

/// The status of a task in the view, at its latest generation.
package struct TaskStatus: Hashable, Sendable {
    package var task: TaskGeneration
    package var state: TaskState
    package var batch: ByteText
    /// Empty when the view has not read the task's record: not yet, or it is no longer in the log.
    package var root: ByteText
    package var path: ByteText
    package var destination: ByteText
    package var key: ByteText
    package var size: ByteCount
    package var acceptedAt: Timestamp
    package var startedAt: Timestamp?
    package var finishedAt: Timestamp?
    package var nextAttemptAt: Timestamp?
    package var attempts: Int
    package var crashes: Int
    package var failure: Failure?
    package var sha256: String?
    package var verification: String?
    package var objectMayExist: Bool
    package var worker: String
    /// The name of its submitter; empty when unknown.
    package var submittedBy: ByteText
    /// Whether its owner has acknowledged its result.
    package var isAcknowledged: Bool
    /// The position of its record; nil when the view has not read it.
    package var position: LogPosition?
}

/// One try of a task in the view.
package struct AttemptStatus: Hashable, Sendable {
    package var generation: Int
    package var attempt: Int
    /// `retrying` when another try followed, else how the generation ended.
    package var outcome: String
    package var startedAt: Timestamp
    package var finishedAt: Timestamp
    package var failure: Failure?
    package var worker: String
}
