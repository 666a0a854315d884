internal import BackhaulDomain
internal import BackhaulLog
internal import BackhaulRecords
internal import BackhaulUnits
internal import BackhaulView

/// One attempt of a task, as sent to callers.
struct AttemptDocument: Codable, Sendable {
    var generation: Int
    var attempt: Int
    /// `retrying` when another try followed, else how the generation ended.
    var outcome: String
    var startedAt: String
    var finishedAt: String
    var failure: FailureDocument?
    var worker: String

    init(_ attempt: AttemptStatus) {
        generation = attempt.generation
        self.attempt = attempt.attempt
        outcome = attempt.outcome
        startedAt = TimeText.format(attempt.startedAt)
        finishedAt = TimeText.format(attempt.finishedAt)
        failure = attempt.failure.map(FailureDocument.init)
        worker = attempt.worker
    }

    var attemptStatus: AttemptStatus {
        AttemptStatus(
            generation: generation, attempt: attempt, outcome: outcome, startedAt: TimeText.timestamp(startedAt),
            finishedAt: TimeText.timestamp(finishedAt), failure: failure?.failure, worker: worker)
    }
}
