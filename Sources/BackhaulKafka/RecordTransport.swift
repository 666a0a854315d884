internal import BackhaulLog
internal import BackhaulUnits
internal import CLibrdkafka

/// Converts records to and from librdkafka's messages.
enum RecordTransport {
    /// Storage for an empty, non-null key, value or header: librdkafka treats a null pointer as null.
    private static let empty: [UInt8] = [0]

    /// Enqueues a record with a producer, which copies its bytes.
    /// - Parameter tag: returned in the delivery report.
    static func produce(_ record: LogRecord, to partition: TopicPartition, tag: Int, with client: OpaquePointer)
        throws(KafkaError)
    {
        let headers = rd_kafka_headers_new(record.headers.count)
        for header in record.headers {
            var name = header.name
            let code = name.withUTF8 { name in
                withBytes(header.value) { value, size in
                    rd_kafka_header_add(headers, Self.start(name), name.count, value, size)
                }
            }
            guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
                rd_kafka_headers_destroy(headers)
                throw KafkaError(code)
            }
        }
        let code = withBytes(record.key) { key, keySize in
            withBytes(record.value) { value, valueSize in
                backhaul_produce(
                    client, partition.topic, Int32(clamping: partition.partition), key, keySize, value, valueSize,
                    headers, UnsafeMutableRawPointer(bitPattern: tag))
            }
        }
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
            rd_kafka_headers_destroy(headers)
            throw KafkaError(code)
        }
    }

    private static func start(_ name: UnsafeBufferPointer<UInt8>) -> UnsafePointer<CChar>? {
        name.baseAddress.map { UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self) }
    }

    private static func withBytes<Value>(_ bytes: [UInt8]?, _ body: (UnsafeRawPointer?, Int) -> Value) -> Value {
        guard let bytes else { return body(nil, 0) }
        return (bytes.isEmpty ? empty : bytes).withUnsafeBytes { body($0.baseAddress, bytes.count) }
    }

    /// The record of a consumed message.
    static func record(_ message: UnsafePointer<rd_kafka_message_t>, of partition: TopicPartition) -> StoredRecord {
        var type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE
        let time = rd_kafka_message_timestamp(message, &type)
        let value = message.pointee
        return StoredRecord(
            position: LogPosition(partition: partition, offset: value.offset),
            appendedAt: type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? .earliest : Timestamp(clamping: time),
            record: LogRecord(
                key: bytes(value.key, value.key_len), value: bytes(value.payload, value.len),
                headers: headers(message)))
    }

    private static func headers(_ message: UnsafePointer<rd_kafka_message_t>) -> [LogHeader] {
        var pointer: OpaquePointer?
        guard rd_kafka_message_headers(message, &pointer) == RD_KAFKA_RESP_ERR_NO_ERROR, let pointer else { return [] }
        var headers: [LogHeader] = []
        headers.reserveCapacity(rd_kafka_header_cnt(pointer))
        var name: UnsafePointer<CChar>?
        var value: UnsafeRawPointer?
        var size = 0
        while rd_kafka_header_get_all(pointer, headers.count, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR {
            headers.append(LogHeader(name.map { String(cString: $0) } ?? "", bytes(value, size)))
        }
        return headers
    }

    private static func bytes(_ start: UnsafeRawPointer?, _ count: Int) -> [UInt8]? {
        start.map { Array(UnsafeRawBufferPointer(start: $0, count: count)) }
    }

    private static func bytes(_ start: UnsafeMutableRawPointer?, _ count: Int) -> [UInt8]? {
        bytes(start.map { UnsafeRawPointer($0) }, count)
    }
}
