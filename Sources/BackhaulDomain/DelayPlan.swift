/// Where a task waits until it is due; pure.
///
/// Each tier is a topic whose records wake one tier length after their append, so each stays in order. A task enters the
/// largest tier that does not exceed its remaining wait, hops on from there, and waits in memory below the smallest.
package enum DelayPlan: Hashable, Sendable {
    case tier(Int64)
    case memory

    /// - Parameters:
    ///   - tiers: the lengths of the tiers in milliseconds, in any order.
    ///   - due: when the task may be tried, `now`: both in milliseconds since 1970.
    package static func next(tiers: [Int64], due: Int64, now: Int64) -> DelayPlan {
        let wait = due - now
        guard let tier = tiers.filter({ $0 <= wait && $0 > 0 }).max() else { return .memory }
        return .tier(tier)
    }
}
