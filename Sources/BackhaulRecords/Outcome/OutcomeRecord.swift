package import BackhaulDomain
package import BackhaulLog

/// A record of the outcomes topic.
package enum OutcomeRecord {
    /// - Throws: `RecordError` when the record is not an outcome.
    package static func read(_ record: LogRecord) throws(RecordError) -> Outcome {
        try RecordError.requireSigned(record, what: "outcome")
        return try OutcomeCodec.decode(record.value)
    }

    /// - Parameter trace: a `traceparent`; nil for none.
    package static func request(_ outcome: Outcome, _ layout: TopicLayout, trace: String?) throws -> AppendRequest {
        AppendRequest(
            topic: layout.outcomes, partitioning: .hash(Array(outcome.task.identity.id.utf8)),
            record: LogRecord(
                key: Array(outcome.task.description.utf8), value: try OutcomeCodec.encode(outcome),
                headers: HeaderName.headers(contentType: OutcomeCodec.contentType, trace: trace)))
    }
}
