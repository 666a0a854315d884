/// The class of a failed attempt; it decides what happens next.
package enum FailureClass: String, Hashable, Sendable, CaseIterable {
    /// Temporary: connection lost, timeout, 5xx. Retried after a delay.
    case transient
    /// The destination requested a pause. A pause of stated length is honoured and spends no attempt.
    case throttled
    /// Permanent: refused, unknown, not allowed. Dead letter at once.
    case permanent
    /// The destination refuses the credentials: 401, 403, 407. The task waits and spends no attempt, unless the refusal
    /// concerns it alone: other files are stored meanwhile, or there are none. Then it becomes a dead letter.
    case refused
    /// Uploads may not connect to the destination's address. Dead letter at once.
    case egressRefused = "egress-refused"
    /// The destination stored, or reports, something other than what was sent. Retried.
    case integrity
    /// The file is not the one that was accepted. Dead letter at once.
    case sourceChanged = "source-changed"
    /// The file is missing although its root is available. Dead letter at once.
    case sourceGone = "source-gone"
    /// Another object is at the key, and the destination's `overwrite` keeps it. Dead letter at once.
    case keyTaken = "key-taken"
    /// The root is not configured, missing, or has been replaced: unmounted, stale, another disk. The task waits and
    /// spends no attempt.
    case rootUnavailable = "root-unfit"
    /// The worker has no destination of that name, or not yet. The task waits and spends no attempt.
    case destinationUnknown = "destination-unknown"
    /// The worker died during the task's uploads, as often as `retry.maxCrashes`. Dead letter.
    case poison
    /// The record is not a task.
    case malformed
    /// The worker stopped. Spends no attempt and adds no delay: the next owner starts again.
    case interrupted
}

/// Why an attempt failed.
package struct Failure: Error, Hashable, Sendable, CustomStringConvertible {
    package var kind: FailureClass
    /// A sentence without secrets, URL queries or file contents; at most `Failure.longestMessage` bytes.
    package var message: String
    /// The HTTP status; nil when the destination sent none.
    package var httpStatus: Int?
    /// The wait that the destination requested.
    package var retryAfter: Duration?
    /// Whether the file could not be read, rather than stored.
    package var isOfSource = false

    package static let longestMessage = 1_000

    package init(
        _ kind: FailureClass, _ message: String, httpStatus: Int? = nil, retryAfter: Duration? = nil,
        isOfSource: Bool = false
    ) {
        self.isOfSource = isOfSource
        self.kind = kind
        self.message = message.bounded(toBytes: Self.longestMessage)
        self.httpStatus = httpStatus.flatMap { Domain.statuses.contains($0) ? $0 : nil }
        self.retryAfter = retryAfter.map { min(max(.zero, $0), Domain.longestWait) }
    }

    package var description: String {
        httpStatus.map { "\(kind.rawValue): \(message) (HTTP \($0))" } ?? "\(kind.rawValue): \(message)"
    }
}
