package import BackhaulDomain
package import BackhaulLog
package import BackhaulUnits

/// A dead letter, decoded for display and replay.
package struct DeadLetter: Hashable, Sendable {
    package var stored: StoredRecord
    /// nil for bytes that are not a task.
    package var task: UploadTask?
    package var progress: TaskProgress
    package var failure: String
    package var message: String
    package var httpStatus: Int?
    /// nil when the letter does not state it.
    package var failedAt: Timestamp?
    package var origin: String?

    package init(_ stored: StoredRecord) {
        self.stored = stored
        task = try? TaskCodec.decode(stored.record.value)
        progress = (try? ProgressHeaders.decode(stored.record)) ?? TaskProgress()
        failure = stored.record.header(HeaderName.causeClass)?.text ?? FailureClass.malformed.rawValue
        message = stored.record.header(HeaderName.causeMessage)?.text ?? ""
        httpStatus = stored.record.header(HeaderName.httpStatus)?.text.flatMap { Int($0) }
            .flatMap { Domain.statuses.contains($0) ? $0 : nil }
        failedAt = stored.record.header(HeaderName.failedAt)?.text.flatMap { Int64($0) }.map(Timestamp.init(clamping:))
        origin = stored.record.header(HeaderName.origin)?.text
        // A record that its reader rejected stays malformed, even if its value decodes as a task.
        if failure == FailureClass.malformed.rawValue { task = nil }
    }

    /// Whether a record of the dead-letters topic represents one that was not a task.
    package static func isMalformed(_ record: LogRecord) -> Bool {
        record.header(HeaderName.causeClass)?.text == FailureClass.malformed.rawValue
    }

    package var generation: TaskGeneration? {
        task.map { TaskGeneration(identity: $0.identity, generation: progress.generation) }
    }
}
