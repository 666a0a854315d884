internal import BackhaulLog

/// What one settlement writes: records, and where each group then stands.
struct SettleBatch: Sendable {
    struct Move: Sendable {
        var group: String
        var partition: TopicPartition
        var position: GroupPosition
    }

    var records: [(TopicPartition, LogRecord)]
    var moves: [Move]
    /// The members that the groups know, by group.
    var members: [String: MemberIdentity]

    var groups: [String] { Set(moves.map(\.group)).sorted() }
}

/// How a settlement failed.
enum SettleFailure: Error {
    /// Nothing of it is in the log, or ever will be.
    case aborted(KafkaFailure)
    /// Whether it is in the log shows in the groups' positions, once the committer has prepared itself anew.
    case uncertain(KafkaFailure)
}
