package import BackhaulDomain
package import BackhaulLog
package import BackhaulUnits

/// A record of the control topic: a request that workers do not upload a generation, which already has its result.
/// A tombstone removes it once a worker has observed it.
package enum CancelRecord {
    /// - Returns: the generation, and whether the record requests its cancellation or removes the request; nil for
    ///   a record of another kind.
    package static func read(_ record: LogRecord) -> (task: TaskGeneration, isRequest: Bool)? {
        CancelCodec.task(ofKey: record.key).map { ($0, record.value != nil) }
    }

    /// - Parameter at: when the cancel was requested.
    package static func request(_ task: TaskGeneration, at: Timestamp, _ layout: TopicLayout) throws -> AppendRequest {
        request(
            LogRecord(
                key: CancelCodec.key(task), value: try CancelCodec.encode(task, at: at),
                headers: HeaderName.headers(contentType: CancelCodec.contentType)), layout)
    }

    /// Removes a request that a worker has observed.
    package static func tombstone(_ task: TaskGeneration, _ layout: TopicLayout) -> AppendRequest {
        request(LogRecord(key: CancelCodec.key(task), value: nil), layout)
    }

    private static func request(_ record: LogRecord, _ layout: TopicLayout) -> AppendRequest {
        AppendRequest(topic: layout.control, partitioning: .partition(0), record: record)
    }
}
