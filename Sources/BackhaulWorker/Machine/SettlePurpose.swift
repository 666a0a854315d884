package import BackhaulUnits

/// What follows once a unit is in the log.
package enum SettlePurpose: Hashable, Sendable {
    /// The delivery is done, or left to the partition's next owner.
    case end
    /// The task waits until a time; nil to wait for its turn at once.
    case wait(until: Timestamp?)
    /// The attempt begins: its mark had to be in the log first.
    case begin
    /// The attempt of this number goes on: what it saves had to be in the log first.
    case save(number: UInt64)
    /// Nothing: a mark or a report of a running attempt.
    case nothing
}
