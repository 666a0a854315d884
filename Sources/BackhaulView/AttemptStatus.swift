package import BackhaulDomain
package import BackhaulUnits

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

    package init(
        generation: Int, attempt: Int, outcome: String, startedAt: Timestamp, finishedAt: Timestamp, failure: Failure?,
        worker: String
    ) {
        self.generation = generation
        self.attempt = attempt
        self.outcome = outcome
        self.startedAt = startedAt
        self.finishedAt = finishedAt
        self.failure = failure
        self.worker = worker
    }
}
