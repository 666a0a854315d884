package import BackhaulUnits

/// Decides where a task waits until it is due. Pure.
///
/// Each tier is a topic that delivers its records one tier length after their append, so it stays in order. A task
/// enters the largest tier of which its wait covers at least nine tenths, and waits the rest in memory. Below the
/// smallest tier it waits in memory only. A retry is thus one record in one tier.
package enum DelayPlan: Hashable, Sendable {
    case tier(Duration)
    case memory

    /// - Parameters:
    ///   - tiers: the lengths of the tiers, in any order.
    ///   - woken: the tier in which the task has just waited; nil when it comes from elsewhere.
    ///   - due: when the task is due.
    package static func next(
        tiers: [Duration], woken: Duration? = nil, due: Timestamp, now: Timestamp
    ) -> DelayPlan {
        let wait = min(max(.zero, due - now), Domain.longestWait)
        // Jitter adds at most half of the tier (`retry.jitter`): that rest is waited in memory.
        if let woken, wait <= woken / 2 { return .memory }
        guard let tier = tiers.filter({ $0 > .zero && $0 - $0 / 10 <= wait }).max() else { return .memory }
        return .tier(tier)
    }
}
