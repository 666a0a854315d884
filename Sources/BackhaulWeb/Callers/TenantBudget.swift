internal import BackhaulUnits

/// How many tasks a tenant may submit now; pure, the time is a parameter.
///
/// A token bucket (as in ITU-T I.371's "leaky bucket as a meter"): it fills at the rate, up to a second's worth or one
/// batch, whichever is more.
struct TenantBudget: Hashable, Sendable {
    /// Tasks per second; 0 for no limit.
    var rate: Double
    private var level: Double
    /// When `level` was computed, by the log's clock.
    private var at: Timestamp

    /// The least that may be submitted at once after a pause: one append of a batch.
    static let smallestBurst = 500.0

    init(rate: Double, now: Timestamp) {
        self.rate = rate
        level = max(rate, Self.smallestBurst)
        at = now
    }

    /// Takes up to `count` tasks from the budget.
    /// - Returns: how many were taken, and the seconds after which one more is available.
    mutating func take(_ count: Int, now: Timestamp) -> (taken: Int, retryAfter: Int) {
        guard rate > 0 else { return (count, 0) }
        level = min(max(rate, Self.smallestBurst), level + max(.zero, now - at).inSeconds * rate)
        at = max(at, now)
        let taken = min(count, Int(level))
        level -= Double(taken)
        return (taken, Int(max(1, ((1 - level) / rate).rounded(.up))))
    }
}
