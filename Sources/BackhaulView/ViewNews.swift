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
            return result.outcome(ResultRecord.fingerprint(stored.record)).map { .result($0) }
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
}
