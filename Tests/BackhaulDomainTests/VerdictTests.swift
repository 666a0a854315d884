import BackhaulDomain
import Testing

@Suite("Verdicts")
struct VerdictTests {
    private let policy = RetryPolicy(tiers: [10_000, 60_000, 600_000], maxAttempts: 5, jitter: 0.1, parkDelay: 30_000)
    private let now: Int64 = 1_000_000

    private func decide(_ failure: Failure, attempts: Int = 0, deadline: Int64? = nil, random: Double = 0) -> Verdict {
        Verdict.decide(failure, attempts: attempts, policy: policy, deadline: deadline, now: now, random: random)
    }

    @Test func transientFailureUsesTiersThenDeadLetters() {
        let failure = Failure(.transient, "x")
        #expect(decide(failure, attempts: 0) == .retry(at: now + 10_000, spends: true))
        #expect(decide(failure, attempts: 1) == .retry(at: now + 60_000, spends: true))
        #expect(decide(failure, attempts: 2) == .retry(at: now + 600_000, spends: true))
        #expect(decide(failure, attempts: 3) == .retry(at: now + 600_000, spends: true))
        #expect(decide(failure, attempts: 4) == .deadLetter(spends: true))
    }

    @Test func jitterOnlyLengthensDelay() {
        #expect(decide(Failure(.transient, "x"), random: 0) == .retry(at: now + 10_000, spends: true))
        #expect(decide(Failure(.transient, "x"), random: 1) == .retry(at: now + 11_000, spends: true))
    }

    @Test(arguments: [FailureClass.permanent, .sourceChanged, .sourceGone, .malformed])
    func permanentFailureDeadLettersAtOnce(_ kind: FailureClass) {
        #expect(decide(Failure(kind, "x")) == .deadLetter(spends: true))
    }

    @Test func retryAfterSpendsNoAttemptAndIsNeverShortened() {
        let failure = Failure(.throttled, "x", httpStatus: 429, retryAfter: 5_000)
        #expect(decide(failure, attempts: 4, random: 0) == .retry(at: now + 5_000, spends: false))
        #expect(decide(failure, random: 1) == .retry(at: now + 5_500, spends: false))
        #expect(decide(failure, deadline: now + 4_000) == .expire(spends: false), "no retry is due after the deadline")
        #expect(
            decide(Failure(.throttled, "x")) == .retry(at: now + 10_000, spends: true),
            "without Retry-After it counts as a failure")
        let absurd = Failure(.throttled, "x", retryAfter: .max)
        #expect(decide(absurd) == .retry(at: now + 400 * 86_400_000, spends: false))
    }

    @Test func unavailableRootSpendsNoAttempt() {
        #expect(decide(Failure(.rootUnavailable, "x"), attempts: 4) == .retry(at: now + 30_000, spends: false))
    }

    @Test func deadlineExpiresRetry() {
        #expect(decide(Failure(.transient, "x"), deadline: now + 9_999) == .expire(spends: true))
        #expect(decide(Failure(.interrupted, "x"), deadline: now) == .forget)
    }

    /// For any jitter, a retry writes one record in the failure's tier and waits for the rest in memory.
    @Test(arguments: 0..<500)
    func retryWritesOneTierRecord(seed: Int) {
        let policy = RetryPolicy.standard
        let random = Double(seed) / 500
        for attempts in 0..<policy.maxAttempts - 1 {
            let verdict = Verdict.decide(
                Failure(.transient, "x"), attempts: attempts, policy: policy, deadline: nil, now: now, random: random)
            guard case .retry(let due, _) = verdict else {
                Issue.record("\(verdict)")
                continue
            }
            // In practice, the delay is planned a moment after the verdict.
            let appended = now + 3
            let tier = policy.tiers[min(attempts, policy.tiers.count - 1)]
            #expect(DelayPlan.next(tiers: policy.tiers, due: due, now: appended) == .tier(tier))
            let woken = appended + tier
            #expect(due <= woken || DelayPlan.next(tiers: policy.tiers, woken: tier, due: due, now: woken) == .memory)
        }
    }

    @Test func extremeTimesSaturate() {
        for due in [Int64.min, 0, .max] {
            for now in [Int64.min, 0, .max] { _ = DelayPlan.next(tiers: [10_000], due: due, now: now) }
        }
        let verdict = Verdict.decide(
            Failure(.transient, "x"), attempts: 0, policy: policy, deadline: nil, now: .max, random: 1)
        #expect(verdict == .retry(at: .max, spends: true))
    }

    @Test func delayUsesLargestFittingTier() {
        let tiers: [Int64] = [10_000, 60_000, 600_000]
        #expect(DelayPlan.next(tiers: tiers, due: 600_000, now: 0) == .tier(600_000))
        #expect(DelayPlan.next(tiers: tiers, due: 540_000, now: 0) == .tier(600_000))
        #expect(DelayPlan.next(tiers: tiers, due: 539_999, now: 0) == .tier(60_000))
        #expect(DelayPlan.next(tiers: tiers, due: 10_000, now: 0) == .tier(10_000))
        #expect(DelayPlan.next(tiers: tiers, due: 8_999, now: 0) == .memory)
        #expect(DelayPlan.next(tiers: tiers, due: -5, now: 0) == .memory)
    }

    @Test func durationTextRoundTrips() {
        for text in ["500ms", "10s", "1m", "90m", "6h", "1d", "1500ms"] {
            #expect(DurationText.parse(text).map(DurationText.format) == text)
        }
        for text in ["", "10", "s", "-1s", "1.5s", "1w", "99999999999999d", "1 s"] {
            #expect(DurationText.parse(text) == nil)
        }
        let layout = TopicLayout()
        #expect(layout.tier(of: layout.retry(600_000)) == 600_000)
        #expect(layout.tier(of: "backhaul.tasks") == nil)
    }
}
