/// One failed try, as a task carries it on.
package struct AttemptRecord: Hashable, Sendable, Codable {
    /// Which attempt it was, from 1; the number of the next one when the failure spent none (throttled, root unfit).
    package var attempt: Int
    /// Milliseconds since 1970.
    package var at: Int64
    package var failure: String
    package var message: String
    package var httpStatus: Int?
    package var worker: String

    package init(attempt: Int, at: Int64, failure: String, message: String, httpStatus: Int?, worker: String) {
        self.attempt = attempt
        self.at = at
        self.failure = failure
        self.message = message
        self.httpStatus = httpStatus
        self.worker = worker
    }

    /// With everything that came from outside in its domain.
    package var bounded: AttemptRecord {
        AttemptRecord(
            attempt: min(max(attempt, Domain.counts.lowerBound), Domain.counts.upperBound), at: Domain.time(at),
            failure: failure.bounded(toBytes: Domain.longestLabel),
            message: message.bounded(toBytes: Failure.longestMessage),
            httpStatus: httpStatus.flatMap { Domain.statuses.contains($0) ? $0 : nil },
            worker: worker.bounded(toBytes: Domain.longestLabel))
    }
}

/// What changes while a task is on its way. It travels in the headers of the task's record and is bounded.
package struct TaskProgress: Hashable, Sendable {
    /// 0 as submitted; a replay makes the dead letter's own + 1.
    package var generation: Int
    /// Recorded failures that spent an attempt.
    package var attempts: Int
    /// How often a worker died while this task was marked as in flight.
    package var crashes: Int
    /// Milliseconds since 1970 before which no attempt begins.
    package var due: Int64?
    /// Whether the task was moved to the large lane once.
    package var isHandedOver: Bool
    /// The last failures, oldest first, at most `longestHistory`.
    package var history: [AttemptRecord]

    package static let longestHistory = 20

    package init(
        generation: Int = 0, attempts: Int = 0, crashes: Int = 0, due: Int64? = nil, isHandedOver: Bool = false,
        history: [AttemptRecord] = []
    ) {
        self.generation = generation
        self.attempts = attempts
        self.crashes = crashes
        self.due = due
        self.isHandedOver = isHandedOver
        self.history = history
    }

    /// Adds a failure to the history, dropping the oldest over the bound, the very first excepted: where the trouble
    /// began is worth more than one more repetition.
    package mutating func record(_ attempt: AttemptRecord) {
        history.append(attempt)
        if history.count > Self.longestHistory { history.remove(at: 1) }
    }
}
