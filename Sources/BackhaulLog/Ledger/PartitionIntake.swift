/// What a member knows of a partition that it holds: what it has read, delivered and finished there; pure.
package struct PartitionIntake: Equatable, Sendable {
    package let group: String
    package let partition: TopicPartition
    package let epoch: Int
    /// Milliseconds from append to delivery.
    package let delay: Int64
    package var ledger: OffsetLedger
    /// Read and not delivered yet.
    package var buffer: ArraySlice<StoredRecord> = []
    /// When the buffer was read, in milliseconds since 1970.
    package var fetchedAt: Int64 = 0
    /// Where to read on.
    package var cursor: Int64
    package var isRevoking = false
    /// The head that was last reported as holding the intake back: each is reported once.
    private var reportedHead: Int64?
    /// Deliveries that the member had in hand when the partition was lost, and that it still works on now that the
    /// partition is back: their offsets, and the epoch under which they were delivered.
    private var inHand: [Int64: Int] = [:]

    package init(group: String, partition: TopicPartition, epoch: Int, delay: Int64, position: GroupPosition) {
        self.group = group
        self.partition = partition
        self.epoch = epoch
        self.delay = delay
        ledger = OffsetLedger(position)
        cursor = ledger.frontier
    }

    /// What a turn of delivery came to.
    package struct Turn: Equatable, Sendable {
        package var deliveries: [Delivery] = []
        /// When the next record may be delivered, in milliseconds since 1970; nil when that is not what it waits for.
        package var due: Int64?
        /// An unfinished head that holds the intake back, reported for the first time.
        package var blockedBy: DeliveryReference?
    }

    /// Delivers from the buffer, at most `limit` records.
    package mutating func take(limit: Int, now: Int64) -> Turn {
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
            // A record from the future was written before the clock was set back; its wait begins when it is met.
            let skew = max(0, stored.appendedAt - fetchedAt)
            let wake = stored.appendedAt - skew + delay
            if delay > 0, wake > now {
                turn.due = wake
                break
            }
            buffer.removeFirst()
            // What the member has in hand it is not given again.
            guard ledger.deliver(offset), inHand[offset] == nil else { continue }
            turn.deliveries.append(Delivery(reference: reference(offset), stored: stored, skew: skew))
        }
        if buffer.isEmpty { ledger.advance(to: cursor) }
        return turn
    }

    /// Whether a decision about this delivery may still be written.
    package func isOpen(_ delivery: DeliveryReference) -> Bool {
        let offset = delivery.position.offset
        guard !ledger.isFinished(offset) else { return false }
        return inHand[offset] == delivery.epoch || (delivery.epoch == epoch && offset < ledger.position)
    }

    /// The delivery is finished.
    package mutating func finish(_ offset: Int64) {
        inHand[offset] = nil
        ledger.finishAhead(offset)
    }

    /// Takes over what the member had in hand under an earlier ownership, as far as nobody finished it meanwhile.
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
