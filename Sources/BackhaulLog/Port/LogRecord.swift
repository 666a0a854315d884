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

    /// Names are bytes: `==` on String would take canonically equivalent ones for the same.
    package func isNamed(_ name: String) -> Bool { self.name.utf8.elementsEqual(name.utf8) }

    /// The value as text, or nil when it is null or not UTF-8.
    package var text: String? { value.flatMap { String(validating: $0, as: UTF8.self) } }
}

/// A record as its writer made it: bytes and headers, of which the log knows no meaning.
package struct LogRecord: Hashable, Sendable {
    /// The record's key, or nil. Compaction keeps the last record of each key.
    package var key: [UInt8]?
    /// The record's value. nil is a tombstone on a compacted topic and is carried as null everywhere.
    package var value: [UInt8]?
    /// The record's headers, in order.
    package var headers: [LogHeader]

    package init(key: [UInt8]? = nil, value: [UInt8]?, headers: [LogHeader] = []) {
        self.key = key
        self.value = value
        self.headers = headers
    }

    /// The last header of that name: the latest writer wins, as in Kafka's own clients.
    package func header(_ name: String) -> LogHeader? {
        headers.last { $0.isNamed(name) }
    }

    /// The largest record that a settlement moves on, in bytes: half as much again as `append` takes, so that what grows on
    /// its way (the history of its failures) still fits. Only a foreign program writes a larger one.
    package static let largestMovable = 3 << 19

    /// Whether a settlement can move it on. One that cannot is not taken for a task, whatever its value says.
    package var isMovable: Bool { size <= Self.largestMovable }

    /// Bytes that the record takes, headers included; the measure of every size limit.
    package var size: Int {
        (key?.count ?? 0) + (value?.count ?? 0)
            + headers.reduce(0) { $0 + $1.name.utf8.count + ($1.value?.count ?? 0) + 2 }
    }
}

/// A record as the log holds it.
package struct StoredRecord: Hashable, Sendable {
    /// Where it stands.
    package var position: LogPosition
    /// When the log took it, in milliseconds since 1970 by the log's clock; within `times`, whatever the store said.
    package let appendedAt: Int64
    /// What its writer wrote.
    package var record: LogRecord

    /// To the end of the year 9999: sums and differences of such times cannot overflow.
    package static let times: ClosedRange<Int64> = 0...253_402_300_799_999

    package init(position: LogPosition, appendedAt: Int64, record: LogRecord) {
        self.position = position
        self.appendedAt = min(max(appendedAt, Self.times.lowerBound), Self.times.upperBound)
        self.record = record
    }
}
