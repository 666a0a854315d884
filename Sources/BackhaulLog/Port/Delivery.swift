/// Identifies a delivery to a group member when it is settled.
package struct DeliveryReference: Hashable, Sendable {
    package var group: String
    package var position: LogPosition
    /// The ownership of the partition under which it was delivered; a later owner has another epoch.
    package var epoch: Int

    package init(group: String, position: LogPosition, epoch: Int) {
        self.group = group
        self.position = position
        self.epoch = epoch
    }

    /// Without the names: tables of deliveries are looked up many times for each, and few topics have partitions that
    /// differ in their names alone.
    package func hash(into hasher: inout Hasher) {
        hasher.combine(position.offset)
        hasher.combine(position.partition.partition)
    }

    package static func == (left: Self, right: Self) -> Bool {
        left.position.offset == right.position.offset && left.epoch == right.epoch
            && left.position.partition == right.position.partition && left.group == right.group
    }
}

/// A record delivered to a group member. It is this member's until it is settled or its partition is released.
package struct Delivery: Hashable, Sendable {
    package var reference: DeliveryReference
    package var stored: StoredRecord
    /// By how much the record's append time is ahead of the clock: it was appended before the clock was
    /// set back. Times in the record are late by the same amount.
    package var skew: Duration

    package init(reference: DeliveryReference, stored: StoredRecord, skew: Duration = .zero) {
        self.reference = reference
        self.stored = stored
        self.skew = skew
    }

    package var record: LogRecord { stored.record }
}

/// One decision about one delivery: the records to append, and whether the delivery is finished.
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

/// The outcome of a unit.
package enum SettleOutcome: Hashable, Sendable {
    /// Its records and its position are in the log.
    case settled
    /// The member no longer owns the partition: nothing of the unit was written, and the next owner decides.
    case dropped
}
