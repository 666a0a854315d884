internal import BackhaulLog

/// A partition that a lane takes over: until its checkpoints are read, what is delivered of it waits here, in order.
struct Arrival: Sendable {
    let partition: TopicPartition
    /// Which ownership of the partition it is; a later one's differs.
    let epoch: Int
    /// Where the group stood.
    let position: GroupPosition
    var deliveries: [Delivery] = []
}
