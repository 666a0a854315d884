package import BackhaulDomain
package import BackhaulLog

/// What a view knows of a task, at its latest generation.
package struct TaskStatus: Hashable, Sendable {
    package var task: TaskGeneration
    package var state: TaskState
    package var batch: ByteText
    /// Empty where the task's record has not been seen (yet, or it has gone).
    package var root: ByteText
    package var path: ByteText
    package var destination: ByteText
    package var key: ByteText
    package var bytes: UInt64
    /// Milliseconds since 1970, here and below.
    package var acceptedAt: Int64
    package var startedAt: Int64?
    package var finishedAt: Int64?
    package var nextAttemptAt: Int64?
    package var attempts: Int
    package var crashes: Int
    package var failure: Failure?
    package var sha256: String?
    package var verification: String?
    package var objectMayExist: Bool
    package var worker: String
    /// Whether its owner has taken note of its result.
    package var isAcknowledged: Bool
    /// Where its record stands; nil where it has not been seen.
    package var position: LogPosition?
}

/// One try of a task, as a view knows it.
package struct AttemptStatus: Hashable, Sendable {
    package var generation: Int
    package var attempt: Int
    /// `retrying` when another try followed, else how the generation ended.
    package var outcome: String
    /// Milliseconds since 1970.
    package var startedAt: Int64
    package var finishedAt: Int64
    package var failure: Failure?
    package var worker: String
}
