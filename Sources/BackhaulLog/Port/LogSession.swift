/// A topic that a group reads, and the delay between a record's append and its delivery.
package struct Subscription: Hashable, Sendable {
    package var group: String
    package var topic: String
    /// From a record's append to its delivery. Records stay in order.
    package var delay: Duration

    /// Whether deliveries that were unsettled when a partition was lost may still be settled when it returns with
    /// them unfinished. False for a reader whose decisions depend on what it read at assignment.
    package var keepsAcrossLoss: Bool

    /// Whether a partition without a position is read from its earliest record: for a group that can do without the
    /// records before its first member. Otherwise a missing position is an error.
    package var startsAtEarliest: Bool

    package init(
        group: String, topic: String, delay: Duration = .zero, keepsAcrossLoss: Bool = true,
        startsAtEarliest: Bool = false
    ) {
        self.startsAtEarliest = startsAtEarliest
        self.group = group
        self.topic = topic
        self.delay = delay
        self.keepsAcrossLoss = keepsAcrossLoss
    }
}

/// A partition that is now assigned to this member.
package struct AssignedPartition: Hashable, Sendable {
    package var group: String
    package var partition: TopicPartition
    package var epoch: Int
    /// The group's position when the partition was assigned.
    package var position: GroupPosition

    package init(group: String, partition: TopicPartition, epoch: Int, position: GroupPosition) {
        self.group = group
        self.partition = partition
        self.epoch = epoch
        self.position = position
    }
}

/// Partitions that the group revokes. They are this member's until it calls `LogSession.release`.
package struct Revocation: Hashable, Sendable {
    package var group: String
    package var partitions: [TopicPartition]
    /// The time in which the member must release them, or the group removes it; nil for no limit.
    package var allowance: Duration?

    package init(group: String, partitions: [TopicPartition], allowance: Duration? = nil) {
        self.group = group
        self.partitions = partitions
        self.allowance = allowance
    }
}

/// Events that a session reports to its member, in this order of urgency.
package enum SessionEvent: Hashable, Sendable {
    /// Partitions are assigned to this member; empty when the group has no more for it.
    case assigned([AssignedPartition])
    /// Finish or drop the work on these partitions, settle it, then call `release`.
    case revoking(Revocation)
    /// Partitions were lost without a revocation, and their unsettled deliveries do not return: none of them can be
    /// settled any more, and no `release` is due.
    case lost(Revocation)
    /// Records to process, at most as many as were granted.
    case delivered([Delivery])
    /// Intake of a partition waits, because this unfinished record blocks the frontier and the span is at its cap.
    case blocked(by: DeliveryReference)
}

/// A member of one or more groups, and the settlement of its deliveries.
package protocol LogSession: AnyObject, Sendable {
    /// Waits for the next event. nil once the session is closed.
    /// - Throws: `LogError`; `CancellationError`.
    func next() async throws -> SessionEvent?

    /// Returns once the member is in each of its groups and knows its assignment, even an empty one. `next` must be
    /// called meanwhile.
    func joined() async throws

    /// Allows this many more deliveries. A member starts with none: back-pressure is the default.
    func grant(_ records: Int) async

    /// In one atomic step: appends every unit's records and moves every group's position over the finished
    /// deliveries, including those beyond the first unfinished one. Durable when it returns.
    ///
    /// Drops a unit as a whole when the member no longer owns its partition, or when its delivery is already
    /// finished.
    /// - Returns: one outcome for each unit, in order.
    /// - Throws: `LogError`; then nothing was written and the same units may be settled again.
    func settle(_ units: [SettleUnit]) async throws -> [SettleOutcome]

    /// Completes a revocation: gives the partitions up.
    func release(_ revocation: Revocation) async throws

    /// Leaves the groups; unsettled deliveries go to the next owners.
    func close() async
}

extension LogSession {
    /// Groups within this process are joined when the session opens.
    package func joined() async throws {}
}
