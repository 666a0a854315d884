internal import BackhaulLog
internal import CLibrdkafka

/// The queue of the messages of one partition.
///
/// Unchecked: librdkafka's queues are thread-safe, and the pointer does not change. The owner destroys the queue.
struct PartitionQueue: @unchecked Sendable {
    let partition: TopicPartition
    let pointer: OpaquePointer

    /// The next message of the queue.
    enum Item {
        case record(StoredRecord)
        /// There are no more records before this offset, which is after transaction markers and aborted records.
        case end(Int64)
        /// The position points to records that no longer exist.
        case positionGone
        /// An error that librdkafka retries itself or reports elsewhere.
        case trouble(KafkaError)
    }

    /// Takes the next item without waiting; nil when the queue is empty. Called on the loop's thread.
    func take() -> Item? {
        // Messages and not events: an event for the end of a partition has no offset.
        guard let taken = rd_kafka_consume_queue(pointer, 0) else { return nil }
        let message = Owned(taken) { rd_kafka_message_destroy($0) }
        let error = message.object.pointee.err
        switch error {
        case RD_KAFKA_RESP_ERR_NO_ERROR: return .record(RecordTransport.record(message.object, of: partition))
        case RD_KAFKA_RESP_ERR__PARTITION_EOF: return .end(message.object.pointee.offset)
        case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET: return .positionGone
        default: return .trouble(KafkaError(error))
        }
    }
}
