internal import BackhaulDomain
internal import BackhaulLog
internal import BackhaulWire
internal import Foundation

/// What one record says to a view; pure.
enum ViewNews: Hashable, Sendable {
    /// A task generation was handed in, or replayed.
    case accepted(UploadTask, generation: Int, fingerprint: [UInt8], position: LogPosition)
    /// An outcome, whatever its kind.
    case outcome(Outcome, position: LogPosition)
    case result(ResultDocument, Times)

    /// Milliseconds since 1970.
    struct Times: Hashable, Sendable {
        var accepted: Int64
        var started: Int64
        var finished: Int64
    }

    /// nil for a record that says nothing to it, or nothing at all.
    static func read(_ stored: StoredRecord, layout: TopicLayout) -> ViewNews? {
        switch stored.position.partition.topic {
        case layout.results:
            guard let result = try? ResultDocument.decode(stored.record.value) else { return nil }
            func time(_ text: String) -> Int64 { (TimeText.nanoseconds(text) ?? 0) / 1_000_000 }
            return .result(
                result,
                Times(
                    accepted: time(result.acceptedAt), started: time(result.startedAt),
                    finished: time(result.finishedAt)))
        case layout.outcomes:
            guard let outcome = try? OutcomeCodec.decode(stored.record.value) else { return nil }
            return .outcome(outcome, position: stored.position)
        default:
            guard let task = try? TaskCodec.decode(stored.record.value),
                let progress = try? ProgressHeaders.decode({ stored.record.header($0)?.text }),
                let fingerprint = try? TaskFingerprint.of(task)
            else { return nil }
            return .accepted(
                task, generation: progress.generation, fingerprint: fingerprint, position: stored.position)
        }
    }
}
