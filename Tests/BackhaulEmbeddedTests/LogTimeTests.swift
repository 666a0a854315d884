import BackhaulTestKit
import BackhaulUnits
import Testing

@testable import BackhaulEmbedded

@Suite("Log time")
struct LogTimeTests {
    private static let day = Duration.seconds(86_400)
    private static let year = day * 365
    private static let start = LogTime.Reading(wall: 1_800_000_000_000, boot: .seconds(1), bootID: "a")
    private static let gap = day * 3

    private func after(_ time: LogTime, boot: Duration, wall: Timestamp, id: String = "a") -> LogTime {
        var time = time
        time.advance(to: LogTime.Reading(wall: wall, boot: boot, bootID: id), largestGap: Self.gap)
        return time
    }

    @Test(arguments: [
        year, year * -10, .seconds(3_600), .seconds(-3_600), year * 12, .milliseconds(-1_800_000_000_000),
    ])
    func clockJumpDoesNotMoveLogTime(by jump: Duration) {
        let fresh = LogTime(Self.start)
        let later = after(fresh, boot: .seconds(61), wall: Self.start.wall + .seconds(60) + jump)
        #expect(later.now(.seconds(61)) == Self.start.wall + .seconds(60))
        #expect(later.jump == jump)
        // Once the clock is right again, no jump remains.
        let right = after(later, boot: .seconds(121), wall: Self.start.wall + .seconds(120))
        #expect(right.now(.seconds(121)) == Self.start.wall + .seconds(120) && right.jump == .zero)
    }

    @Test func downtimeCountsUpToLargestGap() {
        let fresh = LogTime(Self.start)
        let weekend = after(fresh, boot: .seconds(5), wall: Self.start.wall + Self.day * 2, id: "b")
        #expect(weekend.time == Self.start.wall + Self.day * 2 && weekend.jump == .zero)
        let holidays = after(fresh, boot: .seconds(5), wall: Self.start.wall + Self.day * 14, id: "b")
        #expect(holidays.time == Self.start.wall && holidays.jump == Self.day * 14)
        let past = after(fresh, boot: .seconds(5), wall: Self.start.wall - Self.day, id: "b")
        #expect(past.time == Self.start.wall && past.jump == Self.day * -1)
    }

    @Test func settleResolvesClockJump() {
        let jumped = after(LogTime(Self.start), boot: .seconds(5), wall: Self.start.wall + Self.day * 14, id: "b")
        var passed = jumped
        passed.settle(.passed)
        #expect(passed.time == jumped.time + Self.day * 14 && passed.jump == .zero)
        #expect(
            after(passed, boot: .seconds(65), wall: Self.start.wall + Self.day * 14 + .seconds(60), id: "b").jump
                == .zero)
        var wrong = jumped
        wrong.settle(.wrong)
        #expect(wrong.time == jumped.time && wrong.jump == .zero)
        let later = after(wrong, boot: .seconds(65), wall: Self.start.wall + Self.day * 14 + .seconds(60), id: "b")
        #expect(later.jump == .zero && later.time == jumped.time + .seconds(60))
    }

    /// For any clock readings, time never goes back. It advances by at most the time passed, or at a restart by at
    /// most the largest believable gap.
    @Test(arguments: 0..<300)
    func logTimeIsMonotonicAndBounded(seed: Int) {
        var numbers = SeededNumbers(seed: UInt64(seed))
        var time = LogTime(Self.start)
        var boot = Self.start.boot
        var id = 0
        for _ in 0..<60 {
            let before = time.now(boot)
            let isRestart = Int.random(in: 0..<4, using: &numbers) == 0
            let passed = Duration.milliseconds(Int.random(in: 0..<600_000, using: &numbers))
            if isRestart {
                id += 1
                boot = passed
            } else {
                boot += passed
            }
            let wall: Timestamp =
                [
                    Self.start.wall, 0, before, before + passed, before + Self.year, before - Self.year,
                    .latest, Timestamp(clamping: Int64.random(in: 0..<4_000_000_000_000, using: &numbers)),
                ].randomElement(using: &numbers) ?? 0
            time = after(time, boot: boot, wall: wall, id: "\(id)")
            let now = time.now(boot)
            #expect(now >= before, "seed \(seed)")
            #expect(now - before <= (isRestart ? Self.gap : passed), "seed \(seed)")
            if Int.random(in: 0..<20, using: &numbers) == 0 {
                time.settle(.wrong)
                #expect(time.now(boot) == now)
            }
        }
    }
}
