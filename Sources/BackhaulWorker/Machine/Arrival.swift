package import BackhaulLog

/// A partition that a lane is acquiring. Its deliveries wait here in order until its checkpoints are read.
package struct Arrival: Hashable, Sendable {
    package let partition: TopicPartition
    /// The epoch of this ownership of the partition; it differs for a later one.
    package let epoch: Int
    /// The group's position at assignment.
    package let position: GroupPosition
    package var deliveries: [Delivery] = []
}
