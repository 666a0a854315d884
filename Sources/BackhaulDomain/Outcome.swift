/// What a worker says of a task generation.
package enum OutcomeKind: String, Hashable, Sendable, CaseIterable {
    /// An upload has been under way for some seconds (an in-flight mark).
    case started
    /// An attempt failed and there will be another.
    case retrying
    /// A marked upload was interrupted in order; the task waits again.
    case released
    /// The task's owner has taken note of its result.
    case acknowledged
    case succeeded
    case failed
    case cancelled
    case expired

    /// Whether the generation ends with it.
    package var isTerminal: Bool {
        switch self {
        case .started, .retrying, .released, .acknowledged: false
        case .succeeded, .failed, .cancelled, .expired: true
        }
    }
}

/// One worker's word on one attempt, self-contained: nobody has to find the task to understand it.
package struct Outcome: Hashable, Sendable {
    package var kind: OutcomeKind
    package var task: TaskGeneration
    package var batch: ByteText
    package var destination: DestinationReference
    /// Recorded failures plus the final try.
    package var attempts: Int
    package var crashes: Int
    /// The file's size; of a success the bytes that were stored.
    package var bytes: UInt64
    /// SHA-256 of the bytes that were sent, lower-case hex; empty when the file was not read to its end.
    package var sha256: String
    /// What was checked at the destination; empty for anything but a success.
    package var verification: String
    package var failure: Failure?
    package var worker: String
    /// Milliseconds since 1970: when the task was accepted, the attempt began, the attempt ended, the next one is due.
    package var acceptedAt: Int64
    package var startedAt: Int64
    package var finishedAt: Int64
    package var nextAttemptAt: Int64?
    /// A cancelled task whose upload was already under way may have left its object behind.
    package var objectMayExist: Bool

    /// Begins `worker` in outcomes that a caller of the API wrote, not a worker.
    package static let callerPrefix = "api:"

    /// Whether a caller of the API wrote it.
    package var isByCaller: Bool { worker.hasPrefix(Self.callerPrefix) }

    package init(
        kind: OutcomeKind, task: TaskGeneration, batch: ByteText, destination: DestinationReference, attempts: Int,
        crashes: Int, bytes: UInt64, sha256: String = "", verification: String = "", failure: Failure? = nil,
        worker: String, acceptedAt: Int64, startedAt: Int64, finishedAt: Int64, nextAttemptAt: Int64? = nil,
        objectMayExist: Bool = false
    ) {
        self.kind = kind
        self.task = task
        self.batch = batch
        self.destination = destination
        self.attempts = attempts
        self.crashes = crashes
        self.bytes = bytes
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
