/// What kind of failure an attempt met; it decides what happens next.
package enum FailureClass: String, Hashable, Sendable, CaseIterable {
    /// May pass by itself: connection lost, timeout, 5xx. Tried again after a delay.
    case transient
    /// The destination asked for a pause and said for how long; obeyed, and no attempt is spent.
    case throttled
    /// Will not pass by itself: refused, unknown, not allowed. Dead letter at once.
    case permanent
    /// The destination's address is one that uploads may not connect to. Dead letter at once.
    case egressRefused = "egress-refused"
    /// What the destination has, or says that it has, is not what was sent. Tried again.
    case integrity
    /// The file is not the one that was accepted. Dead letter at once.
    case sourceChanged = "source-changed"
    /// The file is not there though its root is. Dead letter at once.
    case sourceGone = "source-gone"
    /// The root is not there, or is not the one that it was: unmounted, stale, another disk. Waits, spends no attempt.
    case rootUnfit = "root-unfit"
    /// The record is not a task.
    case malformed
    /// The worker stopped. No attempt, no delay: the next owner begins again.
    case interrupted
}

/// Why an attempt failed.
package struct Failure: Error, Hashable, Sendable, CustomStringConvertible {
    package var kind: FailureClass
    /// A sentence without secrets, queries or bytes of the file; at most `Failure.longestMessage` bytes.
    package var message: String
    /// The HTTP status, when the destination gave one.
    package var httpStatus: Int?
    /// Milliseconds that the destination asked to wait.
    package var retryAfter: Int64?

    package static let longestMessage = 1_000

    package init(_ kind: FailureClass, _ message: String, httpStatus: Int? = nil, retryAfter: Int64? = nil) {
        self.kind = kind
        self.message = message.bounded(toBytes: Self.longestMessage)
        self.httpStatus = httpStatus.flatMap { Domain.statuses.contains($0) ? $0 : nil }
        self.retryAfter = retryAfter.map { min(max(0, $0), Domain.waits.upperBound) }
    }

    package var description: String {
        httpStatus.map { "\(kind.rawValue): \(message) (HTTP \($0))" } ?? "\(kind.rawValue): \(message)"
    }
}
