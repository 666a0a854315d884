internal import BackhaulLog

/// A record's position in the log, as sent to callers.
struct PositionDocument: Codable, Sendable {
    var topic: String
    var partition: Int
    var offset: Int64

    init(_ position: LogPosition) {
        topic = position.partition.topic
        partition = position.partition.partition
        offset = position.offset
    }

    var position: LogPosition {
        LogPosition(partition: TopicPartition(topic: topic, partition: partition), offset: offset)
    }
}
