package import BackhaulDomain
package import BackhaulLog

/// A record of the results topic: the one terminal record of a task generation, as a CloudEvent.
package enum ResultRecord {
    /// - Throws: `RecordError` when the record is not a result.
    package static func read(_ record: LogRecord) throws(RecordError) -> ResultDocument {
        try ResultDocument.decode(record.value)
    }

    /// What was submitted, as far as the result says; empty for nothing.
    package static func fingerprint(_ record: LogRecord) -> [UInt8] {
        let bytes = record.header(HeaderName.fingerprint).flatMap(\.text).flatMap(Hex.decode) ?? []
        return bytes.count == TaskFingerprint.size ? bytes : []
    }

    /// Reads the generation and its status from the headers alone: a tenth of the cost of the document.
    /// - Returns: nil when the headers are not those of a result of version 1.
    package static func ending(_ record: LogRecord) -> (task: TaskGeneration, status: OutcomeKind)? {
        CloudEvent.read { record.header($0)?.text }
    }

    /// Creates the result of a terminal outcome.
    /// - Parameter trace: a `traceparent`; nil for none. Also written as the CloudEvents extension for distributed
    ///   tracing.
    package static func request(
        _ outcome: Outcome, partition: Int, _ layout: TopicLayout, trace: String? = nil
    ) throws -> AppendRequest {
        let document = ResultDocument(outcome, trace: trace)
        var headers = CloudEvent.headers(outcome.task, status: document.status, time: document.finishedAt)
        if !outcome.fingerprint.isEmpty { headers.append((HeaderName.fingerprint, Hex.encode(outcome.fingerprint))) }
        // A CloudEvents extension, so that a replay's results are counted without their documents.
        if let replay = document.replay { headers.append((CloudEvent.replay, replay)) }
        if let trace { headers += [("ce_traceparent", trace), (HeaderName.trace, trace)] }
        return AppendRequest(
            topic: layout.results, partitioning: .partition(partition),
            record: LogRecord(
                key: Array("\(outcome.task.identity.id)/\(outcome.task.generation)".utf8),
                value: try document.encoded(), headers: headers.map { LogHeader($0.name, text: $0.text) }),
            traces: SubmissionName.traces(outcome.task))
    }
}
