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
    /// Of an upload in progress: the bytes that were sent so far, as its worker last reported; nil when unknown.
    package var bytesSent: ByteCount?

    package init(
        task: TaskGeneration, state: TaskState, batch: ByteText, root: ByteText, path: ByteText, destination: ByteText,
        key: ByteText, size: ByteCount, acceptedAt: Timestamp, startedAt: Timestamp?, finishedAt: Timestamp?,
        nextAttemptAt: Timestamp?, attempts: Int, crashes: Int, failure: Failure?, sha256: String?,
        verification: String?, objectMayExist: Bool, worker: String, submittedBy: ByteText, isAcknowledged: Bool,
        position: LogPosition?, bytesSent: ByteCount? = nil
    ) {
        self.task = task
        self.state = state
        self.batch = batch
        self.root = root
        self.path = path
        self.destination = destination
        self.key = key
        self.size = size
        self.acceptedAt = acceptedAt
        self.startedAt = startedAt
        self.finishedAt = finishedAt
        self.nextAttemptAt = nextAttemptAt
        self.attempts = attempts
        self.crashes = crashes
        self.failure = failure
        self.sha256 = sha256
        self.verification = verification
        self.objectMayExist = objectMayExist
        self.worker = worker
        self.submittedBy = submittedBy
        self.isAcknowledged = isAcknowledged
        self.position = position
        self.bytesSent = bytesSent
    }
}
