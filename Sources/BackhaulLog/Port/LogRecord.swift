package import BackhaulUnits

/// One header of a record. Values are bytes; a null value differs from an empty one. Names may repeat.
package struct LogHeader: Hashable, Sendable {
    /// The header's name, UTF-8.
    package var name: String
    /// The header's value, or nil for a null value.
    package var value: [UInt8]?

    package init(_ name: String, _ value: [UInt8]?) {
        self.name = name
        self.value = value
    }

    /// A header with a text value.
    package init(_ name: String, text: String) {
        self.init(name, Array(text.utf8))
    }

    /// Names are bytes: `==` on String would treat canonically equivalent ones as equal.
    package func isNamed(_ name: String) -> Bool {
        // Lengths first: most names differ in them.
        self.name.utf8.count == name.utf8.count && self.name.utf8.elementsEqual(name.utf8)
    }

    /// The value as text, or nil when it is null or not UTF-8.
    package var text: String? { value.flatMap { String(validating: $0, as: UTF8.self) } }
}

/// A record as written: bytes and headers that the log does not interpret.
package struct LogRecord: Hashable, Sendable {
    /// The record's key, or nil. Compaction keeps the last record of each key.
    package var key: [UInt8]?
    /// The record's value. nil is null everywhere, and a tombstone on a compacted topic.
    package var value: [UInt8]?
    /// The record's headers, in order.
    package var headers: [LogHeader]

    package init(key: [UInt8]? = nil, value: [UInt8]?, headers: [LogHeader] = []) {
        self.key = key
        self.value = value
        self.headers = headers
    }

    /// The last header with that name: the latest writer wins, as in Kafka's own clients.
    package func header(_ name: String) -> LogHeader? {
        headers.last { $0.isNamed(name) }
    }

    /// The largest record that a settlement moves, in bytes: 1.5 times the limit of `append`, so that a record that
    /// grows with the history of its failures still fits. Only other programs write larger ones.
    package static let largestMovable = ByteCount(3 << 19)

    /// Whether a settlement can move the record. One that cannot be moved is not a task, even if its value decodes
    /// as one.
    package var isMovable: Bool { size <= Self.largestMovable }

    /// Headers included; the measure of every size limit.
    package var size: ByteCount {
        let headers = headers.reduce(0) { $0 + $1.name.utf8.count + ($1.value?.count ?? 0) + 2 }
        return ByteCount(clamping: (key?.count ?? 0) + (value?.count ?? 0) + headers)
    }
}

/// A record as stored in the log.
package struct StoredRecord: Hashable, Sendable {
    /// The position of the record.
    package var position: LogPosition
    /// When the log appended it, by the log's clock.
    package let appendedAt: Timestamp
    /// The record as written.
    package var record: LogRecord

    package init(position: LogPosition, appendedAt: Timestamp, record: LogRecord) {
        self.position = position
        self.appendedAt = appendedAt
        self.record = record
    }
}
