/// Why an attempt is interrupted.
package enum StopReason: Hashable, Sendable {
    /// The worker stops or releases the partition. The attempt does not count.
    case interrupt
    /// The delivery blocks the intake of its partition and has to be moved to another topic.
    case makeWay
    /// The task was cancelled.
    case cancel
}
