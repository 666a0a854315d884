package import BackhaulDomain
package import BackhaulLog

/// A record of the checkpoints topic: state for the next owner of the record at one position of a work topic.
/// Stored in the checkpoints partition of the same number.
package enum CheckpointRecord {
    /// - Throws: `RecordError` when the record is not a checkpoint.
    package static func read(_ record: LogRecord) throws(RecordError) -> Checkpoint {
        try CheckpointCodec.decode(record.value)
    }

    /// The prefix of the keys of all checkpoints of a partition of a work topic.
    package static func keyPrefix(_ partition: TopicPartition) -> [UInt8] {
        Array("\(partition.topic)/\(partition.partition)/".utf8)
    }

    /// The offset in a key.
    /// - Parameter prefix: the `keyPrefix` of the partition.
    /// - Returns: nil for the key of another partition.
    package static func offset(ofKey key: [UInt8], prefix: [UInt8]) -> Int64? {
        key.starts(with: prefix) ? Int64(String(decoding: key.dropFirst(prefix.count), as: UTF8.self)) : nil
    }

    /// The position in a key; nil for a key of another form.
    package static func position(ofKey key: [UInt8]) -> LogPosition? {
        // A topic's name contains no slash.
        let parts = String(decoding: key, as: UTF8.self).split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 3, let number = Int(parts[1]), let offset = Int64(parts[2]), number >= 0, offset >= 0
        else { return nil }
        return LogPosition(
            partition: TopicPartition(topic: String(parts[0]), partition: number), offset: offset)
    }

    package static func request(
        _ checkpoint: Checkpoint, of position: LogPosition, _ layout: TopicLayout
    ) throws -> AppendRequest {
        request(
            LogRecord(
                key: key(position), value: try CheckpointCodec.encode(checkpoint),
                headers: HeaderName.headers(contentType: CheckpointCodec.contentType)), position, layout)
    }

    /// Removes a position's checkpoint.
    package static func tombstone(of position: LogPosition, _ layout: TopicLayout) -> AppendRequest {
        request(LogRecord(key: key(position), value: nil), position, layout)
    }

    private static func key(_ position: LogPosition) -> [UInt8] {
        keyPrefix(position.partition) + Array(String(position.offset).utf8)
    }

    private static func request(_ record: LogRecord, _ position: LogPosition, _ layout: TopicLayout) -> AppendRequest {
        AppendRequest(
            topic: layout.checkpoints, partitioning: .partition(position.partition.partition), record: record)
    }
}
