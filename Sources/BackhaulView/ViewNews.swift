internal import BackhaulDomain
internal import BackhaulLog
internal import BackhaulRecords
internal import Foundation

/// What one record says to a view; pure.
enum ViewNews: Hashable, Sendable {
    /// A task generation was handed in, or replayed.
    case accepted(UploadTask, generation: Int, fingerprint: [UInt8], position: LogPosition)
    /// An outcome, whatever its kind.
    case outcome(Outcome, position: LogPosition)
    /// A result, in the form of the outcome that it was recorded for; its kind is terminal.
    case result(Outcome)

    /// nil for a record that says nothing to it, or nothing at all.
    static func read(_ stored: StoredRecord, layout: TopicLayout) -> ViewNews? {
        switch stored.position.partition.topic {
        case layout.results:
            guard let result = try? ResultRecord.read(stored.record) else { return nil }
            return outcome(of: result).map { .result($0) }
        case layout.outcomes:
            guard let outcome = try? OutcomeRecord.read(stored.record) else { return nil }
            return .outcome(outcome, position: stored.position)
        default:
            guard let read = try? TaskRecord.read(stored.record),
                let fingerprint = try? TaskFingerprint.of(read.task)
            else { return nil }
            return .accepted(
                read.task, generation: read.progress.generation, fingerprint: fingerprint, position: stored.position)
        }
    }

    /// The label says no more whether the destination was a name; for a view that is enough.
    private static func outcome(of result: ResultDocument) -> Outcome? {
        func time(_ text: String) -> Int64 { (TimeText.nanoseconds(text) ?? 0) / 1_000_000 }
        guard let kind = OutcomeKind(rawValue: result.status), kind.isTerminal else { return nil }
        return Outcome(
            kind: kind, task: result.task, batch: result.batch,
            destination: DestinationReference(place: .named(result.destination), key: result.key),
            attempts: result.attempts, crashes: result.crashes, bytes: result.bytes, sha256: result.sha256 ?? "",
            verification: result.verification ?? "",
            failure: result.failure.map {
                Failure(FailureClass(rawValue: $0.kind) ?? .permanent, $0.message, httpStatus: $0.httpStatus)
            }, worker: result.worker, acceptedAt: time(result.acceptedAt), startedAt: time(result.startedAt),
            finishedAt: time(result.finishedAt), objectMayExist: result.objectMayExist)
    }
}
