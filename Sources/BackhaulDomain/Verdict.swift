/// How failed attempts are retried.
package struct RetryPolicy: Hashable, Sendable {
    /// Waits in milliseconds, ascending: the failure after n earlier ones waits `tiers[min(n, last)]`. Each tier is
    /// a retry topic.
    package var tiers: [Int64]
    /// Attempts of a task generation, including the first.
    package var maxAttempts: Int
    /// Lengthens each wait by a random share of it, at most this one. Never shortens it: it would fall below its
    /// tier.
    package var jitter: Double
    /// Milliseconds between checks of a root that is unavailable.
    package var parkDelay: Int64

    package static let standard = RetryPolicy(
        tiers: [10_000, 60_000, 600_000, 3_600_000, 21_600_000, 86_400_000], maxAttempts: 8, jitter: 0.1,
        parkDelay: 60_000)

    package init(tiers: [Int64], maxAttempts: Int, jitter: Double, parkDelay: Int64) {
        self.tiers = tiers
        self.maxAttempts = maxAttempts
        self.jitter = jitter
        self.parkDelay = parkDelay
    }
}

/// Decides what happens to a task after a failed attempt. Pure.
package enum Verdict: Hashable, Sendable {
    /// Retry at `at` (milliseconds since 1970); `spends` states whether this failure counts as an attempt.
    case retry(at: Int64, spends: Bool)
    /// End the generation: dead letter, result `failed`.
    case deadLetter(spends: Bool)
    /// No attempt is possible before the deadline: result `expired`.
    case expire(spends: Bool)
    /// Ignore the attempt: the worker stopped during it.
    case forget

    /// - Parameters:
    ///   - attempts: recorded failures before this one that spent an attempt.
    ///   - now: milliseconds since 1970.
    ///   - random: a random number in 0 ..< 1 for the jitter.
    package static func decide(
        _ failure: Failure, attempts: Int, policy: RetryPolicy, deadline: Int64?, now: Int64, random: Double
    ) -> Verdict {
        let factor = 1 + policy.jitter * random
        func later(_ wait: Double, spends: Bool) -> Verdict {
            // Capped before the conversion, which traps beyond Int64.
            let at = now.addingClamped(Int64(min(max(0, wait), Double(Domain.waits.upperBound))))
            // An attempt that could only begin after the deadline never begins.
            if let deadline, at >= deadline { return .expire(spends: spends) }
            return .retry(at: at, spends: spends)
        }
        switch failure.kind {
        case .interrupted:
            return .forget
        case .rootUnavailable:
            return later(Double(policy.parkDelay) * factor, spends: false)
        case .throttled:
            // Never before the time that the destination named. Spread after it, since other clients got the same
            // time.
            if let wait = failure.retryAfter {
                return later(Double(wait) + min(Double(wait) * policy.jitter, 1_000) * random, spends: false)
            }
            fallthrough
        case .transient, .integrity:
            guard attempts + 1 < policy.maxAttempts, let last = policy.tiers.last else {
                return .deadLetter(spends: true)
            }
            let tier = attempts < policy.tiers.count ? policy.tiers[attempts] : last
            return later(Double(tier) * factor, spends: true)
        case .permanent, .egressRefused, .sourceChanged, .sourceGone, .malformed:
            return .deadLetter(spends: true)
        }
    }
}
