internal import BackhaulLog
internal import BackhaulUnits

/// What to do with a delivery after an attempt.
enum LaneStep: Sendable {
    /// The delivery is done once this unit is in the log.
    case settle(SettleUnit)
    /// The task may continue at `until`, or as soon as its turn comes, once this unit is in the log.
    case wait(SettleUnit, TaskDelivery, until: Timestamp?)
    /// The delivery stays unfinished for the next owner, once this unit is in the log.
    case leave(SettleUnit?)
}
