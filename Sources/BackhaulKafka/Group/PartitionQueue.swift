internal import BackhaulLog
internal import CLibrdkafka

/// A queue that holds the messages of one partition.
///
/// Unchecked: librdkafka's queues are thread-safe; the pointer does not change, and its owner destroys it.
struct PartitionQueue: @unchecked Sendable {
    let partition: TopicPartition
    let pointer: OpaquePointer

    /// What the next message of the queue is.
    enum Item {
        case record(StoredRecord)
        /// Nothing more below this offset for now; it is past transaction markers and aborted records.
        case end(Int64)
        /// The position points to records that are gone.
        case positionGone
        /// librdkafka tries again by itself, or says so elsewhere.
        case trouble(KafkaFailure)
    }

    /// Takes the next item without waiting; nil when the queue is empty. On the loop's thread.
    func take() -> Item? {
        // Not as events: of the end of a partition those do not tell the offset.
        guard let taken = rd_kafka_consume_queue(pointer, 0) else { return nil }
        let message = Owned(taken) { rd_kafka_message_destroy($0) }
        let error = message.object.pointee.err
        switch error {
        case RD_KAFKA_RESP_ERR_NO_ERROR: return .record(RecordTransport.record(message.object, of: partition))
        case RD_KAFKA_RESP_ERR__PARTITION_EOF: return .end(message.object.pointee.offset)
        case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET: return .positionGone
        default: return .trouble(KafkaFailure(error))
        }
    }
}
