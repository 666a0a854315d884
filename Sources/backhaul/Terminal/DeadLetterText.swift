import BackhaulDomain
import BackhaulLog
import BackhaulRecords
import BackhaulReplay
import BackhaulUnits
import Foundation

/// A dead letter as `dead-letters` prints it.
struct DeadLetterText: Encodable {
    @Nullable var taskId: String?
    @Nullable var tenant: String?
    @Nullable var batch: String?
    var generation: Int
    var attempts: Int
    var crashes: Int
    var failure: String
    var message: String
    @Nullable var httpStatus: Int?
    @Nullable var destination: String?
    @Nullable var key: String?
    @Nullable var bytes: UInt64?
    @Nullable var failedAt: String?
    @Nullable var origin: String?
    var position: String
    /// Whether its next generation exists.
    var replayed: Bool
    /// due, replayed, succeeded, superseded, discarded or unusable: what a replay would do with it.
    var standing: String
    var issue: String
    @Nullable var worker: String?
    var history: [Attempt]

    struct Attempt: Encodable {
        var attempt: Int
        var at: String
        var failure: String
        var message: String
        @Nullable var httpStatus: Int?
        var worker: String
    }

    init(_ letter: DeadLetter, _ judgement: LetterJudgement) {
        _taskId = Nullable(wrappedValue: letter.task?.identity.id.text)
        _tenant = Nullable(wrappedValue: letter.task?.identity.tenant.text)
        _batch = Nullable(wrappedValue: letter.task?.batch.text)
        generation = letter.progress.generation
        attempts = letter.progress.attempts
        crashes = letter.progress.crashes
        failure = letter.failure
        message = letter.message
        _httpStatus = Nullable(wrappedValue: letter.httpStatus)
        _destination = Nullable(wrappedValue: letter.task?.destination.label.text)
        _key = Nullable(wrappedValue: letter.task?.destination.key.text)
        _bytes = Nullable(wrappedValue: letter.task?.size.bytes)
        _failedAt = Nullable(wrappedValue: letter.failedAt.map(TimeText.format))
        _origin = Nullable(wrappedValue: letter.origin)
        position = letter.stored.position.description
        replayed = judgement == .replayed || judgement == .succeeded
        standing = Self.word(judgement)
        issue = LetterIssue(letter).id
        _worker = Nullable(wrappedValue: letter.worker)
        history = letter.progress.history.map {
            Attempt(
                attempt: $0.attempt, at: TimeText.format($0.at), failure: $0.failure, message: $0.message,
                httpStatus: $0.httpStatus, worker: $0.worker)
        }
    }

    private static func word(_ judgement: LetterJudgement) -> String {
        switch judgement {
        case .due: "due"
        case .replayed: "replayed"
        case .succeeded: "succeeded"
        case .superseded: "superseded"
        case .discarded: "discarded"
        case .unusable: "unusable"
        }
    }
}
