/// A record handed to a group member, as the member must name it when it settles.
package struct DeliveryReference: Hashable, Sendable {
    package var group: String
    package var position: LogPosition
    /// Which ownership of the partition it was delivered under; a later owner's differs.
    package var epoch: Int

    package init(group: String, position: LogPosition, epoch: Int) {
        self.group = group
        self.position = position
        self.epoch = epoch
    }
}

/// A record handed to a group member. It stays this member's until it is settled or its partition is given up.
package struct Delivery: Hashable, Sendable {
    package var reference: DeliveryReference
    package var stored: StoredRecord
    /// Milliseconds by which the record seems to come from the future: it was appended before the clock was set back.
    /// Times that it names are late by as much.
    package var skew: Int64

    package init(reference: DeliveryReference, stored: StoredRecord, skew: Int64 = 0) {
        self.reference = reference
        self.stored = stored
        self.skew = skew
    }

    package var record: LogRecord { stored.record }
}

/// One decision about one delivery: what to append because of it, and whether it is finished.
package struct SettleUnit: Hashable, Sendable {
    package var delivery: DeliveryReference
    /// False for a checkpoint: the records are appended, the delivery stays with the member.
    package var finishes: Bool
    package var appends: [AppendRequest]

    package init(delivery: DeliveryReference, finishes: Bool, appends: [AppendRequest]) {
        self.delivery = delivery
        self.finishes = finishes
        self.appends = appends
    }
}

/// What became of a unit.
package enum SettleOutcome: Hashable, Sendable {
    /// Its records and its position are in the log.
    case settled
    /// The partition is no longer this member's: nothing of the unit was written, the next owner decides anew.
    case dropped
}
