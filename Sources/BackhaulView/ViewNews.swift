internal import BackhaulDomain
internal import BackhaulLog
internal import BackhaulRecords
internal import BackhaulUnits
internal import Foundation

/// The change that one record means for a view. Pure.
enum ViewNews: Hashable, Sendable {
    /// A task generation was submitted or replayed.
    case accepted(UploadTask, generation: Int, fingerprint: [UInt8], position: LogPosition)
    /// An outcome of any kind.
    case outcome(Outcome, position: LogPosition)
    /// A result, converted back to the outcome that it was recorded for. Its kind is terminal.
    case result(Outcome)
    /// A second submission with the id of an earlier one and other content: changes no row.
    case conflict(TaskGeneration, fingerprint: [UInt8])

    /// Decodes a record; nil when it is malformed or does not change a view.
    static func read(_ stored: StoredRecord, layout: TopicLayout) -> ViewNews? {
        switch stored.position.partition.topic {
        case layout.results:
            if let (document, fingerprint) = ConflictRecord.read(stored.record) {
                return .conflict(document.task, fingerprint: fingerprint)
            }
            guard let result = try? ResultRecord.read(stored.record) else { return nil }
            return outcome(of: result, ResultRecord.fingerprint(stored.record)).map { .result($0) }
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

    /// A result holds only the label of its destination, not whether that was a name. The label is enough for a
    /// view.
    private static func outcome(of result: ResultDocument, _ fingerprint: [UInt8]) -> Outcome? {
        guard let kind = OutcomeKind(rawValue: result.status), kind.isTerminal else { return nil }
        var outcome = Outcome(
            kind: kind, task: result.task, batch: result.batch,
            destination: DestinationReference(target: .named(result.destination), key: result.key),
            attempts: result.attempts, crashes: result.crashes, size: ByteCount(result.bytes),
            sha256: result.sha256 ?? "",
            verification: result.verification ?? "",
            failure: result.failure.map {
                Failure(FailureClass(rawValue: $0.kind) ?? .permanent, $0.message, httpStatus: $0.httpStatus)
            }, worker: result.worker, acceptedAt: TimeText.timestamp(result.acceptedAt),
            startedAt: TimeText.timestamp(result.startedAt),
            finishedAt: TimeText.timestamp(result.finishedAt), objectMayExist: result.objectMayExist,
            submittedBy: ByteText(result.submittedBy ?? ""))
        outcome.fingerprint = fingerprint
        return outcome
    }
}
