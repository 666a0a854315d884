/// How the partition of a record is chosen.
package enum Partitioning: Hashable, Sendable {
    /// By the hash of these bytes (`Partitioner`). Records with equal bytes stay in order.
    case hash([UInt8])
    /// To this partition.
    case partition(Int)
}

/// Identifies a submission: two records with the same identity are the same submission. Adapters that declare
/// `refusesKnownIdentity` store it.
package struct RecordIdentity: Hashable, Sendable {
    /// The name of the submission, unique in its topic family.
    package var name: [UInt8]
    /// A digest of the submission's content. The same name with another fingerprint is a conflict.
    package var fingerprint: [UInt8]

    package init(name: [UInt8], fingerprint: [UInt8]) {
        self.name = name
        self.fingerprint = fingerprint
    }
}

/// A record to append, and its target.
package struct AppendRequest: Hashable, Sendable {
    package var topic: String
    package var partitioning: Partitioning
    package var record: LogRecord
    /// Set for submissions only: an adapter with `refusesKnownIdentity` then appends the record once.
    package var identity: RecordIdentity?
    /// Names of submissions of which this record is a trace: such an adapter keeps them known as long as it keeps
    /// their latest trace.
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

/// The outcome of one request of an append. All outcomes of a call are durable when it returns.
package enum AppendOutcome: Hashable, Sendable {
    /// The record was appended at this position.
    case appended(LogPosition)
    /// The log already contains the submission, at this position; nothing was written.
    case known(LogPosition)
    /// Another submission, at this position, has the same name; nothing was written.
    case conflict(LogPosition)

    /// The position of the record that now represents the request.
    package var position: LogPosition {
        switch self {
        case .appended(let position), .known(let position), .conflict(let position): position
        }
    }
}
