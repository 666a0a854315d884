package import BackhaulDomain
package import BackhaulLog

/// A record of the acts topic.
package enum ActRecord {
    package static let contentType = "application/json"

    /// - Throws: `RecordError` when the record is not an act.
    package static func read(_ record: LogRecord) throws(RecordError) -> ActDocument {
        try RecordError.requireSigned(record, what: "act")
        return try ActDocument.decode(record.value)
    }

    /// - Parameter host: the machine whose process records it.
    package static func request(_ act: Act, host: String, _ layout: TopicLayout) throws -> AppendRequest {
        let key = Array(act.actor.name.utf8)
        return AppendRequest(
            topic: layout.acts, partitioning: .hash(key),
            record: LogRecord(
                key: key, value: try ActDocument(act, host: host).encoded(),
                headers: HeaderName.headers(contentType: contentType)))
    }
}
