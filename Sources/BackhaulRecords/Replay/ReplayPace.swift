internal import BackhaulUnits

/// How fast a replay goes, and when it stops by itself.
package struct ReplayPace: Hashable, Sendable {
    /// How many tasks of each destination are tried first; 0 for none.
    package var canary: Int
    /// How long the results of the canary may take.
    package var patience: Duration
    /// Tasks per second; nil for no limit.
    package var rate: Double?
    /// The time in which the rate grows from a tenth to its value.
    package var ramp: Duration
    /// The share of failures among the results at which the replay stops; nil for none.
    package var stopShare: Double?

    package static let standardPatience = Duration.seconds(600)
    /// The fewest results that a share is taken of while tasks are sent.
    package static let leastResults = 20

    package init(
        canary: Int = 0, patience: Duration = standardPatience, rate: Double? = nil, ramp: Duration = .zero,
        stopShare: Double? = 0.5
    ) {
        self.canary = canary
        self.patience = patience
        self.rate = rate
        self.ramp = ramp
        self.stopShare = stopShare
    }

    /// How many tasks may be sent in the first `elapsed` of a run; nil for any number. The rate grows in a straight
    /// line, so that this is its integral.
    package func allowance(after elapsed: Duration) -> Double? {
        guard let rate else { return nil }
        let (t, ramp) = (elapsed.inSeconds, ramp.inSeconds)
        guard ramp > 0 else { return rate * t }
        let grown = min(t, ramp)
        return rate * (0.1 * grown + 0.45 * grown * grown / ramp + max(0, t - ramp))
    }

    /// When the `count`-th task may be sent, since the start of a run. The inverse of `allowance`.
    package func time(of count: Int) -> Duration {
        guard let rate, rate > 0 else { return .zero }
        let (tasks, ramp) = (Double(count) / rate, ramp.inSeconds)
        guard ramp > 0 else { return Self.bounded(tasks) }
        let atFullRate = 0.55 * ramp
        if tasks >= atFullRate { return Self.bounded(ramp + tasks - atFullRate) }
        // 0.45/ramp t² + 0.1 t = tasks.
        let a = 0.45 / ramp
        return Self.bounded((-0.1 + (0.01 + 4 * a * tasks).squareRoot()) / (2 * a))
    }

    private static func bounded(_ seconds: Double) -> Duration { .seconds(min(max(0, seconds), 400 * 86_400)) }
}
