/// Where a task waits until it is due; pure.
///
/// Each tier is a topic whose records wake one tier length after their append, so each stays in order. A task enters the
/// largest tier of which at least nine tenths remain to be waited, and waits the rest in memory, where it also waits below
/// the smallest tier: a retry is one record in one tier.
package enum DelayPlan: Hashable, Sendable {
    case tier(Int64)
    case memory

    /// - Parameters:
    ///   - tiers: the lengths of the tiers in milliseconds, in any order.
    ///   - woken: the tier that the task has just waited in; nil when it comes from elsewhere.
    ///   - due: when the task may be tried, `now`: both in milliseconds since 1970.
    package static func next(tiers: [Int64], woken: Int64? = nil, due: Int64, now: Int64) -> DelayPlan {
        let wait = min(max(0, due.subtractingClamped(now)), Domain.waits.upperBound)
        // What jitter has added to the tier is less than half of it (`retry.jitter`).
        if let woken, wait <= woken / 2 { return .memory }
        guard let tier = tiers.filter({ $0 > 0 && $0 - $0 / 10 <= wait }).max() else { return .memory }
        return .tier(tier)
    }
}
