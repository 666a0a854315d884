package import BackhaulUnits

/// One pass of delivery over a member's partitions: what it has collected from them so far. Pure.
package struct DeliveryRound: Equatable, Sendable {
    package private(set) var deliveries: [Delivery] = []
    /// When the next record is due; nil when no partition waits for a time.
    package private(set) var due: Timestamp?
    /// Heads that block the intake of their partitions, reported for the first time.
    package private(set) var blocked: [DeliveryReference] = []

    /// The most records of one partition in one round, so that none starves another.
    private let share: Int

    package init(share: Int) {
        self.share = share
    }

    /// Takes the due records of a partition, at most as many as were granted.
    package mutating func take(from intake: inout PartitionIntake, credits: inout Int, now: Timestamp) {
        let turn = intake.take(limit: min(credits, share), now: now)
        credits -= turn.deliveries.count
        deliveries += turn.deliveries
        if let wake = turn.due { due = min(due ?? wake, wake) }
        if let head = turn.blockedBy { blocked.append(head) }
    }
}
