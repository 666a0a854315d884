internal import BackhaulLog
internal import BackhaulUnits

/// Deliveries that have to end before a partition is released, or the lane ends.
struct Drain: Sendable {
    var pending: Set<DeliveryReference>
    /// When attempts that still run are interrupted; nil once they are.
    var until: Timestamp?
    /// nil for partitions that are lost, and for the end of the lane.
    var release: Revocation?
    var isEnd = false
    /// When decisions that cannot be written are left to the next owner.
    var abandonAt: Timestamp?
}
