package import BackhaulDomain
package import BackhaulLog

/// What a lane has to do.
package enum LaneAction: Hashable, Sendable {
    /// Read the checkpoints of a partition that was assigned.
    case inherit(Arrival)
    case grant(Int)
    indirect case begin(Attempt)
    case interrupt(DeliveryReference)
    /// Settle in this order.
    indirect case settle(Settlement)
    /// Read these records again.
    case fetch([DeliveryReference])
    /// Find out how much these attempts have sent.
    case report([DeliveryReference])
    case release(Revocation)
    /// What an attempt saved is in the log.
    case saved(DeliveryReference, number: UInt64)
    /// Remove what a task that has ended without an object has left at its destination.
    indirect case discard(TaskDelivery)
    /// A record is not a task.
    case malformed(LogPosition, String)
    /// An attempt failed: what is known of it, for the log of failures.
    indirect case failed(TaskDelivery, Failure, next: String)
    /// The log no longer has a record that waits.
    case vanished(LogPosition)
    /// A breaker opened; of the source root `name`, or of the destination.
    case opened(isRoot: Bool, ByteText, Failure)
    case closed(isRoot: Bool, ByteText)
    /// The decisions that are pending cannot be written; leave them to the next owner.
    case abandon
    /// Everything has ended.
    case finish
}
