package import BackhaulDomain
package import BackhaulLog
package import BackhaulUnits

/// What happens to a lane.
package enum LaneEvent: Sendable {
    /// From the log's session.
    case session(SessionEvent)
    /// The checkpoints that earlier owners wrote for a partition that was assigned under `epoch`.
    case inherited(TopicPartition, epoch: Int, [LogPosition: Checkpoint])
    /// Records that were read again; nil for one that the log no longer has.
    case fetched([DeliveryReference: StoredRecord?])
    /// - Parameter sent: bytes of the file that the attempt sent.
    case ended(DeliveryReference, number: UInt64, AttemptEnd, sent: ByteCount)
    case settled([Settlement])
    /// An attempt waits until what its dialect saves is in the log.
    case save(DeliveryReference, number: UInt64, [UInt8])
    case cancelled(TaskGeneration)
    /// Bytes that running attempts have sent.
    case progressed([DeliveryReference: ByteCount])
    case resized(uploads: Int)
    /// Ends the lane: waiting tasks are dropped at once, attempts have `grace`.
    case stop(grace: Duration)
    /// Time has passed.
    case tick
}
