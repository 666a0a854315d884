package import BackhaulDomain
package import BackhaulUnits

/// Why tasks have not ended, and how many of them for this reason.
package struct WaitReason: Hashable, Sendable {
    package enum Kind: String, Hashable, Sendable, CaseIterable {
        /// No attempt has begun: other tasks are before it, or no worker runs.
        case waiting
        /// An attempt has run for longer than `worker.markAfter`.
        case uploading
        /// An attempt failed, and the next one has its time.
        case retrying
        /// The folder or disk that the file is in is not there.
        case rootUnavailable = "root-unavailable"
        /// The destination asked for a pause.
        case toldToWait = "told-to-wait"
    }

    package var kind: Kind
    package var destination: ByteText
    /// The last failure of one of the tasks; nil without one. All have its class and its HTTP status.
    package var failure: Failure?
    package var tasks: Int
    /// When the oldest of them was accepted.
    package var oldestAcceptedAt: Timestamp
    /// When the first of them is due; nil when none waits for a time.
    package var nextAttemptAt: Timestamp?

    package init(
        kind: Kind, destination: ByteText, failure: Failure?, tasks: Int, oldestAcceptedAt: Timestamp,
        nextAttemptAt: Timestamp?
    ) {
        self.kind = kind
        self.destination = destination
        self.failure = failure
        self.tasks = tasks
        self.oldestAcceptedAt = oldestAcceptedAt
        self.nextAttemptAt = nextAttemptAt
    }

    init(
        state: TaskState, destination: ByteText, failure: Failure?, tasks: Int, oldestAcceptedAt: Timestamp,
        nextAttemptAt: Timestamp?
    ) {
        let kind: Kind =
            switch (state, failure?.kind) {
            case (.running, _): .uploading
            case (.retrying, .rootUnavailable): .rootUnavailable
            case (.retrying, .throttled): .toldToWait
            case (.retrying, _): .retrying
            default: .waiting
            }
        self.init(
            kind: kind, destination: destination, failure: failure, tasks: tasks, oldestAcceptedAt: oldestAcceptedAt,
            nextAttemptAt: nextAttemptAt)
    }
}
