import BackhaulDomain
import Testing

@Suite("Verdicts")
struct VerdictTests {
    private let policy = RetryPolicy(tiers: [10_000, 60_000, 600_000], maxAttempts: 5, jitter: 0.1, parkDelay: 30_000)
    private let now: Int64 = 1_000_000

    private func decide(_ failure: Failure, attempts: Int = 0, deadline: Int64? = nil, random: Double = 0.5) -> Verdict
    {
        Verdict.decide(failure, attempts: attempts, policy: policy, deadline: deadline, now: now, random: random)
    }

    @Test func transientFailuresWalkTheTiersAndThenDie() {
        let failure = Failure(.transient, "x")
        #expect(decide(failure, attempts: 0) == .retry(at: now + 10_000, spends: true))
        #expect(decide(failure, attempts: 1) == .retry(at: now + 60_000, spends: true))
        #expect(decide(failure, attempts: 2) == .retry(at: now + 600_000, spends: true))
        #expect(decide(failure, attempts: 3) == .retry(at: now + 600_000, spends: true))
        #expect(decide(failure, attempts: 4) == .deadLetter(spends: true))
    }

    @Test func jitterStaysWithinTenPercent() {
        #expect(decide(Failure(.transient, "x"), random: 0) == .retry(at: now + 9_000, spends: true))
        #expect(decide(Failure(.transient, "x"), random: 1) == .retry(at: now + 11_000, spends: true))
    }

    @Test(arguments: [FailureClass.permanent, .sourceChanged, .sourceGone, .malformed])
    func hopelessOnesDieAtOnce(_ kind: FailureClass) {
        #expect(decide(Failure(kind, "x")) == .deadLetter(spends: true))
    }

    @Test func aNamedPauseCostsNothingAndIsNeverCutShort() {
        let failure = Failure(.throttled, "x", httpStatus: 429, retryAfter: 5_000)
        #expect(decide(failure, attempts: 4, random: 0) == .retry(at: now + 5_000, spends: false))
        #expect(decide(failure, random: 1) == .retry(at: now + 5_500, spends: false))
        #expect(decide(failure, deadline: now + 4_000) == .expire(spends: false), "it never outlives the deadline")
        #expect(
            decide(Failure(.throttled, "x")) == .retry(at: now + 10_000, spends: true),
            "without a pause it is a failure")
        let absurd = Failure(.throttled, "x", retryAfter: .max)
        #expect(decide(absurd) == .retry(at: now + 400 * 86_400_000, spends: false))
    }

    @Test func aMissingRootWaitsWithoutSpending() {
        #expect(decide(Failure(.rootUnfit, "x"), attempts: 4) == .retry(at: now + 30_000, spends: false))
    }

    @Test func theDeadlineEndsIt() {
        #expect(decide(Failure(.transient, "x"), deadline: now + 9_999) == .expire(spends: true))
        #expect(decide(Failure(.interrupted, "x"), deadline: now) == .forget)
    }

    @Test func waitsGoIntoTheLargestTierThatFits() {
        let tiers: [Int64] = [10_000, 60_000, 600_000]
        #expect(DelayPlan.next(tiers: tiers, due: 600_000, now: 0) == .tier(600_000))
        #expect(DelayPlan.next(tiers: tiers, due: 599_999, now: 0) == .tier(60_000))
        #expect(DelayPlan.next(tiers: tiers, due: 10_000, now: 0) == .tier(10_000))
        #expect(DelayPlan.next(tiers: tiers, due: 9_999, now: 0) == .memory)
        #expect(DelayPlan.next(tiers: tiers, due: -5, now: 0) == .memory)
    }

    @Test func durationsReadAsTheyAreWritten() {
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
