package import BackhaulUnits

/// A member's state of a partition that it owns: what it has read, delivered and finished. Pure.
package struct PartitionIntake: Equatable, Sendable {
    package let group: String
    package let partition: TopicPartition
    package let epoch: Int
    /// From append to delivery.
    package let delay: Duration
    package var ledger: OffsetLedger
    /// Records that are read and not delivered yet.
    package var buffer: ArraySlice<StoredRecord> = []
    /// When the buffer was read.
    package var fetchedAt = Timestamp.earliest
    /// The offset to read next.
    package var cursor: Int64
    package var isRevoking = false
    /// The head that was last reported as blocking intake: each is reported once.
    private var reportedHead: Int64?
    /// Unsettled deliveries from before the partition was lost, which the member still processes after regaining
    /// it: their offsets, and the epochs of their delivery.
    private var inHand: [Int64: Int] = [:]

    package init(group: String, partition: TopicPartition, epoch: Int, delay: Duration, position: GroupPosition) {
        self.group = group
        self.partition = partition
        self.epoch = epoch
        self.delay = delay
        ledger = OffsetLedger(position)
        cursor = ledger.frontier
    }

    /// The result of one pass of delivery.
    package struct Turn: Equatable, Sendable {
        package var deliveries: [Delivery] = []
        /// When the next record may be delivered; nil when delivery does not wait for a time.
        package var due: Timestamp?
        /// An unfinished head that blocks intake, reported for the first time.
        package var blockedBy: DeliveryReference?
    }

    /// Delivers at most `limit` records from the buffer.
    package mutating func take(limit: Int, now: Timestamp) -> Turn {
        var turn = Turn()
        while turn.deliveries.count < limit, let stored = buffer.first {
            let offset = stored.position.offset
            if ledger.isFull() || ledger.mustWait(for: offset) {
                let head = ledger.frontier
                if reportedHead != head {
                    reportedHead = head
                    turn.blockedBy = reference(head)
                }
                break
            }
            // A record with a future append time was written before the clock was set back; its wait begins when it
            // is read.
            let isAhead = stored.appendedAt > fetchedAt
            let skew = isAhead ? stored.appendedAt - fetchedAt : .zero
            if delay > .zero {
                let wake = (isAhead ? fetchedAt : stored.appendedAt) + delay
                if wake > now {
                    turn.due = wake
                    break
                }
            }
            buffer.removeFirst()
            // The member still processes an earlier delivery of this record.
            guard ledger.deliver(offset), inHand[offset] == nil else { continue }
            turn.deliveries.append(Delivery(reference: reference(offset), stored: stored, skew: skew))
        }
        if buffer.isEmpty { ledger.advance(to: cursor) }
        return turn
    }

    /// Whether a decision about this delivery may still be settled.
    package func isOpen(_ delivery: DeliveryReference) -> Bool {
        let offset = delivery.position.offset
        guard !ledger.isFinished(offset) else { return false }
        return inHand[offset] == delivery.epoch || (delivery.epoch == epoch && offset < ledger.position)
    }

    /// Marks the delivery as finished.
    package mutating func finish(_ offset: Int64) {
        inHand[offset] = nil
        ledger.finishAhead(offset)
    }

    /// Takes over the unsettled deliveries of an earlier ownership, except those finished since.
    package mutating func adopt(_ earlier: PartitionIntake) {
        for offset in earlier.ledger.outstandingOffsets where !ledger.isFinished(offset) {
            inHand[offset] = earlier.inHand[offset] ?? earlier.epoch
        }
    }

    private func reference(_ offset: Int64) -> DeliveryReference {
        DeliveryReference(
            group: group, position: LogPosition(partition: partition, offset: offset), epoch: inHand[offset] ?? epoch)
    }
}
