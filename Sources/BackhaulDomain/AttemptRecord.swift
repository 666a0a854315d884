package import BackhaulUnits

/// A failed attempt, as kept in a task's history.
package struct AttemptRecord: Hashable, Sendable, Codable {
    /// The number of the attempt, from 1. A failure that spends no attempt (throttled, root unavailable) has the number
    /// of the next one.
    package var attempt: Int
    /// When it failed.
    package var at: Timestamp
    package var failure: String
    package var message: String
    package var httpStatus: Int?
    package var worker: String

    package init(attempt: Int, at: Timestamp, failure: String, message: String, httpStatus: Int?, worker: String) {
        self.attempt = attempt
        self.at = at
        self.failure = failure
        self.message = message
        self.httpStatus = httpStatus
        self.worker = worker
    }

    /// The same record with all values limited to their domains.
    package var bounded: AttemptRecord {
        AttemptRecord(
            attempt: min(max(attempt, Domain.counts.lowerBound), Domain.counts.upperBound), at: at,
            failure: failure.bounded(toBytes: Domain.longestLabel),
            message: message.bounded(toBytes: Failure.longestMessage),
            httpStatus: httpStatus.flatMap { Domain.statuses.contains($0) ? $0 : nil },
            worker: worker.bounded(toBytes: Domain.longestLabel))
    }
}
