package import BackhaulDomain
package import BackhaulLog
package import BackhaulUnits

/// Writes the records of the dead-letters topic; `DeadLetter` reads them.
package enum DeadLetterRecord {
    /// The source, time and writer of a letter.
    package struct Origin: Hashable, Sendable {
        package var position: LogPosition
        package var failedAt: Timestamp
        /// nil for a letter of an acknowledger.
        package var worker: String?

        package init(position: LogPosition, failedAt: Timestamp, worker: String?) {
            self.position = position
            self.failedAt = failedAt
            self.worker = worker
        }
    }

    /// The letter of a failed task: its record as written, its progress, and the cause.
    package static func request(
        _ record: LogRecord, _ task: TaskRecord, _ failure: Failure, _ origin: Origin, _ layout: TopicLayout
    ) -> AppendRequest {
        request(
            record, headers: ProgressHeaders.replace(in: record, by: task.progress), key: task.task.partitionKey,
            failure,
            origin, layout, traces: SubmissionName.traces(task.generation))
    }

    /// The letter of a record that is not a task: unchanged, or a reference when it is too large to move.
    package static func request(
        malformed record: LogRecord, _ failure: Failure, _ origin: Origin, _ layout: TopicLayout
    ) -> AppendRequest {
        guard record.isMovable else { return reference(size: record.size, failure, origin, layout) }
        return request(record, headers: record.headers, key: record.key ?? [], failure, origin, layout, traces: [])
    }

    /// A letter that refers to a record instead of containing it.
    /// - Parameter size: size of that record.
    package static func reference(
        size: ByteCount, _ failure: Failure, _ origin: Origin, _ layout: TopicLayout
    ) -> AppendRequest {
        let key = Array(origin.position.description.utf8)
        return AppendRequest(
            topic: layout.deadLetters, partitioning: .hash(key),
            record: LogRecord(
                key: key, value: nil,
                headers: cause(failure, origin) + [LogHeader(HeaderName.originSize, text: String(size.bytes))]))
    }

    private static func request(
        _ record: LogRecord, headers: [LogHeader], key: [UInt8], _ failure: Failure, _ origin: Origin,
        _ layout: TopicLayout, traces: [[UInt8]]
    ) -> AppendRequest {
        AppendRequest(
            topic: layout.deadLetters, partitioning: .hash(key),
            record: LogRecord(key: record.key, value: record.value, headers: headers + cause(failure, origin)),
            traces: traces)
    }

    private static func cause(_ failure: Failure, _ origin: Origin) -> [LogHeader] {
        var headers = [
            LogHeader(HeaderName.causeClass, text: failure.kind.rawValue),
            LogHeader(HeaderName.causeMessage, text: failure.message),
            LogHeader(HeaderName.failedAt, text: String(origin.failedAt.milliseconds)),
            LogHeader(HeaderName.origin, text: origin.position.description),
        ]
        if let worker = origin.worker { headers.append(LogHeader(HeaderName.worker, text: worker)) }
        if let status = failure.httpStatus { headers.append(LogHeader(HeaderName.httpStatus, text: String(status))) }
        return headers
    }
}
