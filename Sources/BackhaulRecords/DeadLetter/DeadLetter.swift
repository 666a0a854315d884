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
    package var worker: String?
    /// Where the letter was in the embedded log that a migration has copied it from.
    package var moved: (migration: String, position: LogPosition)? {
        guard let text = stored.record.header(HeaderName.moved)?.text else { return nil }
        let parts = text.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, let position = LogPosition(String(parts[1]))
        else { return nil }
        return (String(parts[0]), position)
    }

    /// The class of a letter that another program has written, with a task as its value.
    package static let foreign = "foreign"

    package init(_ stored: StoredRecord) {
        self.stored = stored
        task = try? TaskCodec.decode(stored.record.value)
        progress = (try? ProgressHeaders.decode(stored.record)) ?? TaskProgress()
        let own = stored.record.header(HeaderName.causeClass)?.text
        failure = own ?? (task == nil ? FailureClass.malformed.rawValue : Self.foreign)
        message = stored.record.header(HeaderName.causeMessage)?.text ?? ""
        httpStatus = stored.record.header(HeaderName.httpStatus)?.text.flatMap { Int($0) }
            .flatMap { Domain.statuses.contains($0) ? $0 : nil }
        failedAt = stored.record.header(HeaderName.failedAt)?.text.flatMap { Int64($0) }.map(Timestamp.init(clamping:))
        origin = stored.record.header(HeaderName.origin)?.text
        worker = stored.record.header(HeaderName.worker)?.text
        if own == nil {
            let cause = ForeignCause(stored.record)
            message = cause.message
            failedAt = cause.failedAt ?? stored.appendedAt
            origin = cause.origin
            if let key = cause.key { self.stored.record.key = key }
        }
        // A record that its reader rejected stays malformed, even if its value decodes as a task.
        if failure == FailureClass.malformed.rawValue { task = nil }
    }

    /// A letter that only refers to a record, with that record.
    package init(_ letter: DeadLetter, of task: TaskRecord, _ original: LogRecord) {
        self = letter
        self.task = task.task
        progress = task.progress
        stored.record = original
    }

    /// Whether a record of the dead-letters topic represents one that was not a task.
    package static func isMalformed(_ record: LogRecord) -> Bool {
        record.header(HeaderName.causeClass)?.text == FailureClass.malformed.rawValue
    }

    package var generation: TaskGeneration? {
        task.map { TaskGeneration(identity: $0.identity, generation: progress.generation) }
    }
}
