package import BackhaulUnits

/// What a worker reports about a task generation.
package enum OutcomeKind: String, Hashable, Sendable, CaseIterable {
    /// An upload has been running for some seconds (an in-flight mark).
    case started
    /// An attempt failed and will be retried.
    case retrying
    /// A marked upload was interrupted without a crash; the task waits again.
    case released
    /// The task's owner has acknowledged its result.
    case acknowledged
    /// An audit found that the stored object is gone from its destination, or is another one.
    case lost
    case succeeded
    case failed
    case cancelled
    case expired

    /// Whether this outcome ends the generation.
    package var isTerminal: Bool {
        switch self {
        case .started, .retrying, .released, .acknowledged, .lost: false
        case .succeeded, .failed, .cancelled, .expired: true
        }
    }
}

/// A worker's report on one attempt. Self-contained: a reader does not need the task.
package struct Outcome: Hashable, Sendable {
    package var kind: OutcomeKind
    package var task: TaskGeneration
    package var batch: ByteText
    package var destination: DestinationReference
    /// Recorded failures plus the final attempt.
    package var attempts: Int
    package var crashes: Int
    /// The file's size; for a success, the bytes that were stored.
    package var size: ByteCount
    /// SHA-256 of the bytes that were sent, lower-case hex; empty when the file was not read to its end.
    package var sha256: String
    /// What was verified at the destination; empty unless the upload succeeded.
    package var verification: String
    package var failure: Failure?
    package var worker: String
    /// When the task was accepted.
    package var acceptedAt: Timestamp
    /// When the attempt began.
    package var startedAt: Timestamp
    /// When the attempt ended.
    package var finishedAt: Timestamp
    /// When the next attempt is due.
    package var nextAttemptAt: Timestamp?
    /// Whether the object of a cancelled task may exist at the destination, because its upload may have begun.
    package var objectMayExist: Bool
    /// The name of the task's submitter; empty when unknown.
    package var submittedBy: ByteText
    /// The modification time and the permission bits (`0o777`) of the file that was stored; nil when unknown.
    package var modifiedAt: FileTime?
    package var permissions: UInt32?
    /// The content of the task's submission (`TaskFingerprint`); empty where the log itself refuses another with the
    /// same id.
    package var fingerprint: [UInt8] = []
    /// Of a started upload: the bytes of the file that were sent so far.
    package var bytesSent = ByteCount.zero

    /// Of an end that a worker reports; empty for others.
    package var facts = OutcomeFacts()

    /// Prefix of `worker` in outcomes that an API caller wrote instead of a worker.
    package static let callerPrefix = "api:"

    /// Whether an API caller wrote the outcome.
    package var isByCaller: Bool { worker.hasPrefix(Self.callerPrefix) }

    package init(
        kind: OutcomeKind, task: TaskGeneration, batch: ByteText, destination: DestinationReference, attempts: Int,
        crashes: Int, size: ByteCount, sha256: String = "", verification: String = "", failure: Failure? = nil,
        worker: String, acceptedAt: Timestamp, startedAt: Timestamp, finishedAt: Timestamp,
        nextAttemptAt: Timestamp? = nil,
        objectMayExist: Bool = false, submittedBy: ByteText = ""
    ) {
        self.submittedBy = submittedBy
        self.kind = kind
        self.task = task
        self.batch = batch
        self.destination = destination
        self.attempts = attempts
        self.crashes = crashes
        self.size = size
        self.sha256 = sha256
        self.verification = verification
        self.failure = failure
        self.worker = worker
        self.acceptedAt = acceptedAt
        self.startedAt = startedAt
        self.finishedAt = finishedAt
        self.nextAttemptAt = nextAttemptAt
        self.objectMayExist = objectMayExist
    }
}
