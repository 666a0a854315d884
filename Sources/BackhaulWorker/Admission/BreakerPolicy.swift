internal import BackhaulUnits

/// When a breaker opens, and how often it lets a probe through.
package struct BreakerPolicy: Hashable, Sendable {
    /// Failures in a row after which it opens.
    package var failures: Int
    /// The wait before the first probe; each probe that fails doubles it.
    package var firstWait: Duration
    package var longestWait: Duration

    package init(failures: Int, firstWait: Duration = .seconds(1), longestWait: Duration) {
        self.failures = max(1, failures)
        self.firstWait = min(firstWait, longestWait)
        self.longestWait = longestWait
    }
}
