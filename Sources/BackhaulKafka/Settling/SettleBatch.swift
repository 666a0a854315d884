internal import BackhaulLog

/// The content of one settlement: records, and the new positions of each group.
struct SettleBatch: Sendable {
    struct Move: Sendable {
        var group: String
        var partition: TopicPartition
        var position: GroupPosition
    }

    var records: [(TopicPartition, LogRecord)]
    var moves: [Move]
    /// This session's member identity, by group.
    var members: [String: MemberIdentity]

    var groups: [String] { Set(moves.map(\.group)).sorted() }
}

/// A failed settlement.
enum SettleError: Error {
    /// With transactions nothing of it is or will be in the log. Without them the records may be in it.
    case aborted(KafkaError)
    /// Whether it is in the log is unknown. The groups' positions show it after the committer's next `prepare`.
    case uncertain(KafkaError)
}
