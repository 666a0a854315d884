internal import BackhaulLog

/// A partition that a lane is acquiring. Its deliveries wait here in order until its checkpoints are read.
struct Arrival: Sendable {
    let partition: TopicPartition
    /// The epoch of this ownership of the partition; it differs for a later one.
    let epoch: Int
    /// The group's position at assignment.
    let position: GroupPosition
    var deliveries: [Delivery] = []
}
