/// How a record finds its partition.
package enum Partitioning: Hashable, Sendable {
    /// By the hash of these bytes (`Partitioner`). Records with equal bytes stay in order.
    case hash([UInt8])
    /// To this partition.
    case partition(Int)
}

/// What makes two appended records the same submission. Adapters that declare `refusesKnownIdentity` keep it.
package struct RecordIdentity: Hashable, Sendable {
    /// The name of the submission, unique in its topic family.
    package var name: [UInt8]
    /// What the submission says. The same name with another fingerprint is a conflict.
    package var fingerprint: [UInt8]

    package init(name: [UInt8], fingerprint: [UInt8]) {
        self.name = name
        self.fingerprint = fingerprint
    }
}

/// A record to append, and where.
package struct AppendRequest: Hashable, Sendable {
    package var topic: String
    package var partitioning: Partitioning
    package var record: LogRecord
    /// Given for submissions only: an adapter with `refusesKnownIdentity` then appends it once.
    package var identity: RecordIdentity?
    /// Names of submissions of which this record is a trace: such an adapter keeps them known for as long as it keeps their
    /// latest trace, and forgets them with it.
    package var traces: [[UInt8]]

    package init(
        topic: String, partitioning: Partitioning, record: LogRecord, identity: RecordIdentity? = nil,
        traces: [[UInt8]] = []
    ) {
        self.topic = topic
        self.partitioning = partitioning
        self.record = record
        self.identity = identity
        self.traces = traces
    }
}

/// What became of one request of an append. All outcomes of a call are durable when it returns.
package enum AppendOutcome: Hashable, Sendable {
    /// The record is in the log, here.
    case appended(LogPosition)
    /// The same submission is in the log already, here; nothing was written.
    case known(LogPosition)
    /// The name is taken by another submission, here; nothing was written.
    case conflict(LogPosition)

    /// The record that now stands for the request.
    package var position: LogPosition {
        switch self {
        case .appended(let position), .known(let position), .conflict(let position): position
        }
    }
}
