import BackhaulDomain
import BackhaulUnits
import Testing

@Suite("Verdicts")
struct VerdictTests {
    private let policy = RetryPolicy(
        tiers: [.seconds(10), .seconds(60), .seconds(600)], maxAttempts: 5, jitter: Ratio(clamping: 0.1),
        parkDelay: .seconds(30))
    private let now = Timestamp(clamping: 1_000_000)

    private func decide(_ failure: Failure, attempts: Int = 0, deadline: Timestamp? = nil, random: Double = 0)
        -> Verdict
    {
        Verdict.decide(failure, attempts: attempts, policy: policy, deadline: deadline, now: now, random: random)
    }

    @Test func transientFailureUsesTiersThenDeadLetters() {
        let failure = Failure(.transient, "x")
        #expect(decide(failure, attempts: 0) == .retry(at: now + .seconds(10), spends: true))
        #expect(decide(failure, attempts: 1) == .retry(at: now + .seconds(60), spends: true))
        #expect(decide(failure, attempts: 2) == .retry(at: now + .seconds(600), spends: true))
        #expect(decide(failure, attempts: 3) == .retry(at: now + .seconds(600), spends: true))
        #expect(decide(failure, attempts: 4) == .deadLetter(spends: true))
    }

    @Test func jitterOnlyLengthensDelay() {
        #expect(decide(Failure(.transient, "x"), random: 0) == .retry(at: now + .seconds(10), spends: true))
        #expect(decide(Failure(.transient, "x"), random: 1) == .retry(at: now + .seconds(11), spends: true))
    }

    @Test(arguments: [FailureClass.permanent, .sourceChanged, .sourceGone, .malformed, .poison])
    func permanentFailureDeadLettersAtOnce(_ kind: FailureClass) {
        #expect(decide(Failure(kind, "x")) == .deadLetter(spends: true))
    }

    @Test func retryAfterSpendsNoAttemptAndIsCapped() {
        let failure = Failure(.throttled, "x", httpStatus: 429, retryAfter: .seconds(5))
        #expect(decide(failure, attempts: 4, random: 0) == .retry(at: now + .seconds(5), spends: false))
        #expect(decide(failure, random: 1) == .retry(at: now + .milliseconds(5_500), spends: false))
        #expect(
            decide(failure, deadline: now + .seconds(4)) == .expire(spends: false), "no retry is due after the deadline"
        )
        #expect(
            decide(Failure(.throttled, "x")) == .retry(at: now + .seconds(10), spends: true),
            "without Retry-After it counts as a failure")
        for absurd in [Int64.max, 31_536_000, 21_601] {
            let failure = Failure(.throttled, "x", retryAfter: .seconds(absurd))
            #expect(decide(failure) == .retry(at: now + .seconds(21_600), spends: false))
        }
    }

    @Test func unavailableRootSpendsNoAttempt() {
        for kind in [FailureClass.rootUnavailable, .destinationUnknown, .refused] {
            #expect(decide(Failure(kind, "x"), attempts: 4) == .retry(at: now + .seconds(30), spends: false))
        }
    }

    @Test func deadlineExpiresRetry() {
        #expect(decide(Failure(.transient, "x"), deadline: now + .milliseconds(9_999)) == .expire(spends: true))
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
            let appended = now + .milliseconds(3)
            let tier = policy.tiers[min(attempts, policy.tiers.count - 1)]
            #expect(DelayPlan.next(tiers: policy.tiers, due: due, now: appended) == .tier(tier))
            let woken = appended + tier
            #expect(due <= woken || DelayPlan.next(tiers: policy.tiers, woken: tier, due: due, now: woken) == .memory)
        }
    }

    @Test func extremeTimesSaturate() {
        for due in [Timestamp.earliest, .latest] {
            for now in [Timestamp.earliest, .latest] {
                _ = DelayPlan.next(tiers: [.seconds(10)], due: due, now: now)
            }
        }
        let verdict = Verdict.decide(
            Failure(.transient, "x"), attempts: 0, policy: policy, deadline: nil, now: .latest, random: 1)
        #expect(verdict == .retry(at: .latest, spends: true))
    }

    @Test func delayUsesLargestFittingTier() {
        let tiers: [Duration] = [.seconds(10), .seconds(60), .seconds(600)]
        #expect(
            DelayPlan.next(tiers: tiers, due: Timestamp(clamping: 600_000), now: Timestamp(clamping: 0))
                == .tier(.seconds(600)))
        #expect(
            DelayPlan.next(tiers: tiers, due: Timestamp(clamping: 540_000), now: Timestamp(clamping: 0))
                == .tier(.seconds(600)))
        #expect(
            DelayPlan.next(tiers: tiers, due: Timestamp(clamping: 539_999), now: Timestamp(clamping: 0))
                == .tier(.seconds(60)))
        #expect(
            DelayPlan.next(tiers: tiers, due: Timestamp(clamping: 10_000), now: Timestamp(clamping: 0))
                == .tier(.seconds(10)))
        #expect(DelayPlan.next(tiers: tiers, due: Timestamp(clamping: 8_999), now: Timestamp(clamping: 0)) == .memory)
        #expect(DelayPlan.next(tiers: tiers, due: Timestamp(clamping: -5), now: Timestamp(clamping: 0)) == .memory)
    }

    @Test func durationTextRoundTrips() {
        for text in ["500ms", "10s", "1m", "90m", "6h", "1d", "1500ms"] {
            #expect(DurationText.parse(text).map(DurationText.format) == text)
        }
        for text in ["", "10", "s", "-1s", "1.5s", "1w", "99999999999999d", "1 s"] {
            #expect(DurationText.parse(text) == nil)
        }
        let layout = TopicLayout()
        #expect(layout.tier(of: layout.retry(.seconds(600))) == .seconds(600))
        #expect(layout.tier(of: "backhaul.tasks") == nil)
    }
}
