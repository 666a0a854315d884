/// A topic that a group reads, and how long each record waits after its append before it is delivered.
package struct Subscription: Hashable, Sendable {
    package var group: String
    package var topic: String
    /// Milliseconds between a record's append and its delivery; 0 for none. Records stay in order.
    package var delay: Int64

    /// Whether decisions about deliveries that were in hand when a partition was lost may still be settled when it comes
    /// back unfinished. False for a reader whose decisions rest on what it read at assignment.
    package var keepsAcrossLoss: Bool

    package init(group: String, topic: String, delay: Int64 = 0, keepsAcrossLoss: Bool = true) {
        self.group = group
        self.topic = topic
        self.delay = delay
        self.keepsAcrossLoss = keepsAcrossLoss
    }
}

/// A partition that has become this member's.
package struct AssignedPartition: Hashable, Sendable {
    package var group: String
    package var partition: TopicPartition
    package var epoch: Int
    /// Where the group stood when the member took it over.
    package var position: GroupPosition

    package init(group: String, partition: TopicPartition, epoch: Int, position: GroupPosition) {
        self.group = group
        self.partition = partition
        self.epoch = epoch
        self.position = position
    }
}

/// Partitions that the group wants back. They stay this member's until `LogSession.release` answers.
package struct Revocation: Hashable, Sendable {
    package var group: String
    package var partitions: [TopicPartition]
    /// Milliseconds within which the answer has to come, or the member is put out of the group; nil for no limit.
    package var allowance: Int64?

    package init(group: String, partitions: [TopicPartition], allowance: Int64? = nil) {
        self.group = group
        self.partitions = partitions
        self.allowance = allowance
    }
}

/// What a session tells its member, in this order of urgency.
package enum SessionEvent: Hashable, Sendable {
    /// Partitions have become this member's; none, when the group has no more to give it.
    case assigned([AssignedPartition])
    /// Finish or drop what is under way there, settle it, then answer with `release`.
    case revoking(Revocation)
    /// Partitions are gone without having been asked back, and will not return with what is in hand: nothing of them can
    /// be settled any more, and no answer is due.
    case lost(Revocation)
    /// Records to work on, at most as many as were granted.
    case delivered([Delivery])
    /// Intake of a partition waits, because this unfinished record holds the frontier and the span is at its cap.
    case blocked(by: DeliveryReference)
}

/// One member of one or more groups, and the settlement of what it is given.
package protocol LogSession: AnyObject, Sendable {
    /// The next event; waits for one. nil once the session is closed.
    /// - Throws: `LogError`; `CancellationError`.
    func next() async throws -> SessionEvent?

    /// Returns once the member is in each of its groups and knows what it holds, be it nothing. `next` has to be called
    /// meanwhile.
    func joined() async throws

    /// Allows this many more records to be delivered. A member begins with none: back-pressure is the default.
    func grant(_ records: Int) async

    /// In one atomic step: appends every unit's records and moves every group's position over the finished deliveries,
    /// the set beyond the first unfinished one included. Durable when it returns.
    ///
    /// Units of partitions that are no longer this member's are dropped whole; so are units that name a delivery that
    /// is finished already.
    /// - Returns: one outcome for each unit, in order.
    /// - Throws: `LogError`; then nothing was written and the same units may be settled again.
    func settle(_ units: [SettleUnit]) async throws -> [SettleOutcome]

    /// Answers a revocation: the partitions are given up.
    func release(_ revocation: Revocation) async throws

    /// Leaves the groups; unsettled deliveries go to the next owners.
    func close() async
}

extension LogSession {
    /// Groups that live in this process are joined when the session opens.
    package func joined() async throws {}
}
