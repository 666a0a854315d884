internal import HTTPTypes

/// Which networks have failed to authenticate too often; pure, the time is a parameter.
///
/// A token bucket for each network: `burst` failures at once, and one more each `interval`.
struct FailureThrottle: Sendable {
    private struct Bucket {
        var failures: Double
        var at: ContinuousClock.Instant
    }

    static let burst = 20.0
    static let interval = Duration.seconds(1)
    /// Maximum networks remembered. Beyond it, those that may fail again anyway are forgotten, and if there are none,
    /// all are: an attacker with that many networks is not limited by network.
    static let memory = 10_000

    static let problem = Problem(
        .tooManyRequests, "too-many-failures", "too many requests from this address failed to authenticate",
        retryAfter: .seconds(1))

    private var buckets: [ClientNetwork: Bucket] = [:]

    /// The failures that count at `time`.
    private static func level(_ bucket: Bucket, _ time: ContinuousClock.Instant) -> Double {
        max(0, bucket.failures - max(.zero, time - bucket.at) / interval)
    }

    func isThrottled(_ network: ClientNetwork, _ time: ContinuousClock.Instant) -> Bool {
        buckets[network].map { Self.level($0, time) >= Self.burst } ?? false
    }

    mutating func failed(_ network: ClientNetwork, _ time: ContinuousClock.Instant) {
        if buckets.count >= Self.memory, buckets[network] == nil {
            buckets = buckets.filter { Self.level($0.value, time) >= Self.burst }
            if buckets.count >= Self.memory { buckets = [:] }
        }
        let level = buckets[network].map { Self.level($0, time) } ?? 0
        // A network that goes on failing is free again a burst's time after it stops.
        buckets[network] = Bucket(failures: min(2 * Self.burst, level + 1), at: time)
    }
}
