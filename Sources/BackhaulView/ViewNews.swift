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

    /// Decodes a record; nil when it is malformed or does not change a view.
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

    /// A result holds only the label of its destination, not whether that was a name. The label is enough for a
    /// view.
    private static func outcome(of result: ResultDocument) -> Outcome? {
        func time(_ text: String) -> Timestamp { TimeText.parse(text)?.timestamp ?? .earliest }
        guard let kind = OutcomeKind(rawValue: result.status), kind.isTerminal else { return nil }
        return Outcome(
            kind: kind, task: result.task, batch: result.batch,
            destination: DestinationReference(target: .named(result.destination), key: result.key),
            attempts: result.attempts, crashes: result.crashes, size: ByteCount(result.bytes),
            sha256: result.sha256 ?? "",
            verification: result.verification ?? "",
            failure: result.failure.map {
                Failure(FailureClass(rawValue: $0.kind) ?? .permanent, $0.message, httpStatus: $0.httpStatus)
            }, worker: result.worker, acceptedAt: time(result.acceptedAt), startedAt: time(result.startedAt),
            finishedAt: time(result.finishedAt), objectMayExist: result.objectMayExist,
            submittedBy: ByteText(result.submittedBy ?? ""))
    }
}
