internal import BackhaulDomain
internal import BackhaulLog
internal import BackhaulUnits
internal import SwiftProtobuf

/// What other programs say in the headers of their dead letters: Spring for Apache Kafka (`kafka_dlt-*`, big-endian
/// numbers), Kafka Connect (`__connect.errors.*`), Kafka Streams (`__streams.errors.*`) and share groups (KIP-1191,
/// `__dlq.errors.*`), whose numbers are texts. Uber's uForwarder puts it into the key (`DLQMetadata`).
struct ForeignCause {
    var message = ""
    var failedAt: Timestamp?
    var origin: String?
    /// The key of the record that failed, where the letter's key is another.
    var key: [UInt8]?

    init(_ record: LogRecord) {
        func text(_ name: String) -> String? { record.header(name)?.text }
        func number(_ name: String) -> Int64? {
            guard let bytes = record.header(name)?.value, bytes.count == 4 || bytes.count == 8 else { return nil }
            let value = bytes.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            return bytes.count == 4
                ? Int64(Int32(bitPattern: UInt32(truncatingIfNeeded: value))) : Int64(bitPattern: value)
        }
        for prefix in ["kafka_dlt-", "kafka_"] {
            guard let topic = text(prefix + "original-topic") else { continue }
            let cause = text(prefix + "exception-message") ?? text(prefix + "exception-fqcn") ?? ""
            note(cause, topic, number(prefix + "original-partition"), number(prefix + "original-offset"))
            failedAt = number(prefix + "original-timestamp").flatMap(Timestamp.init(exactly:))
            return
        }
        for prefix in ["__connect.errors.", "__streams.errors.", "__dlq.errors."] {
            guard let topic = text(prefix + "topic") else { continue }
            let cause =
                text(prefix + "exception.message") ?? text(prefix + "message") ?? text(prefix + "exception.class.name")
                ?? text(prefix + "exception") ?? ""
            note(
                cause, topic, text(prefix + "partition").flatMap { Int64($0) },
                text(prefix + "offset").flatMap { Int64($0) })
            return
        }
        noteForwarded(record)
    }

    /// Its field `timestamp_ns` has milliseconds in some versions: not read.
    private mutating func noteForwarded(_ record: LogRecord) {
        guard let bytes = record.key, let letter = try? Backhaul_V1_ForwardedLetter(serializedBytes: bytes),
            letter.unknownFields.data.isEmpty, (1...249).contains(letter.topic.utf8.count),
            letter.topic.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }), letter.partition >= 0, letter.offset >= 0,
            letter.retryCount >= 0, letter.timeoutCount >= 0
        else { return }
        note(
            "delivered again \(letter.retryCount) times, \(letter.timeoutCount) of them after a time-out", letter.topic,
            Int64(letter.partition), letter.offset)
        key = letter.key.isEmpty ? nil : Array(letter.key)
    }

    private mutating func note(_ cause: String, _ topic: String, _ partition: Int64?, _ offset: Int64?) {
        message = cause.bounded(toBytes: Failure.longestMessage)
        guard let partition, let offset, topic.utf8.count <= Domain.longestLabel else { return }
        origin = "\(topic)/\(partition)@\(offset)"
    }
}
