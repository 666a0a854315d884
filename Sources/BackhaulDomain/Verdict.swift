package import BackhaulUnits

/// How failed attempts are retried.
package struct RetryPolicy: Hashable, Sendable {
    /// Waits, ascending: the failure after n earlier ones waits `tiers[min(n, last)]`. Each tier is
    /// a retry topic.
    package var tiers: [Duration]
    /// Attempts of a task generation, including the first.
    package var maxAttempts: Int
    /// Deaths of workers during a task's uploads after which it becomes a dead letter.
    package var maxCrashes: Int
    /// Failures in a row after which the tasks of a destination wait without attempts.
    package var breakerFailures: Int
    /// Lengthens each wait by a random share of it, at most this one. Never shortens it: it would fall below its
    /// tier.
    package var jitter: Ratio
    /// Between two checks of a root that is unavailable, of a destination that is not configured, or of one that
    /// refuses the credentials; and the longest time between two probes of a destination that fails.
    package var parkDelay: Duration
    /// The longest wait that a destination may ask for.
    package var maxRetryAfter: Duration

    package static let standard = RetryPolicy(
        tiers: [10, 60, 600, 3_600, 21_600, 86_400].map(Duration.seconds), maxAttempts: 8,
        jitter: Ratio(clamping: 0.1), parkDelay: .seconds(60))

    package init(
        tiers: [Duration], maxAttempts: Int, jitter: Ratio, parkDelay: Duration,
        maxRetryAfter: Duration = .seconds(21_600), maxCrashes: Int = 5, breakerFailures: Int = 10
    ) {
        self.maxCrashes = maxCrashes
        self.breakerFailures = breakerFailures
        self.maxRetryAfter = maxRetryAfter
        self.tiers = tiers
        self.maxAttempts = maxAttempts
        self.jitter = jitter
        self.parkDelay = parkDelay
    }
}

/// Decides what happens to a task after a failed attempt. Pure.
package enum Verdict: Hashable, Sendable {
    /// Retry at `at`; `spends` states whether this failure counts as an attempt.
    case retry(at: Timestamp, spends: Bool)
    /// End the generation: dead letter, result `failed`.
    case deadLetter(spends: Bool)
    /// No attempt is possible before the deadline: result `expired`.
    case expire(spends: Bool)
    /// Ignore the attempt: the worker stopped during it.
    case forget

    /// - Parameters:
    ///   - attempts: recorded failures before this one that spent an attempt.
    ///   - isOfTask: whether a refusal concerns this task alone, since its destination takes others.
    ///   - random: a random number in 0 ..< 1 for the jitter.
    package static func decide(
        _ failure: Failure, attempts: Int, policy: RetryPolicy, deadline: Timestamp?, isOfTask: Bool = false,
        now: Timestamp, random: Double
    ) -> Verdict {
        let jitter = policy.jitter.value * random
        func later(_ wait: Duration, spends: Bool) -> Verdict {
            let at = now + min(max(.zero, wait), Domain.longestWait)
            // An attempt that could only begin after the deadline never begins.
            if let deadline, at >= deadline { return .expire(spends: spends) }
            return .retry(at: at, spends: spends)
        }
        switch failure.kind {
        case .interrupted:
            return .forget
        case .refused where isOfTask:
            return .deadLetter(spends: true)
        case .rootUnavailable, .destinationUnknown, .refused:
            return later(policy.parkDelay + policy.parkDelay * jitter, spends: false)
        case .throttled:
            // Not before the time that the destination named, unless that is unreasonably far away: it may have meant
            // milliseconds. Spread after it, since other clients got the same time.
            if let named = failure.retryAfter {
                let wait = min(named, policy.maxRetryAfter)
                return later(wait + min(wait * policy.jitter.value, .seconds(1)) * random, spends: false)
            }
            fallthrough
        case .transient, .integrity:
            guard attempts + 1 < policy.maxAttempts, let last = policy.tiers.last else {
                return .deadLetter(spends: true)
            }
            let tier = attempts < policy.tiers.count ? policy.tiers[attempts] : last
            return later(tier + tier * jitter, spends: true)
        case .permanent, .egressRefused, .sourceChanged, .sourceGone, .keyTaken, .malformed, .poison:
            return .deadLetter(spends: true)
        }
    }
}
