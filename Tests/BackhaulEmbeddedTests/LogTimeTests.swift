import BackhaulTestKit
import Testing

@testable import BackhaulEmbedded

@Suite("Log time")
struct LogTimeTests {
    private static let day: Int64 = 86_400_000
    private static let year = 365 * day
    private static let start = LogTime.Reading(wall: 1_800_000_000_000, boot: 1_000, bootID: "a")
    private static let gap = 3 * day

    private func after(_ time: LogTime, boot: Int64, wall: Int64, id: String = "a") -> LogTime {
        var time = time
        time.advance(to: LogTime.Reading(wall: wall, boot: boot, bootID: id), largestGap: Self.gap)
        return time
    }

    @Test(arguments: [year, -10 * year, 3_600_000, -3_600_000, 12 * year, -1_800_000_000_000])
    func clockJumpDoesNotMoveLogTime(by jump: Int64) {
        let fresh = LogTime(Self.start)
        let later = after(fresh, boot: 61_000, wall: Self.start.wall + 60_000 + jump)
        #expect(later.now(61_000) == Self.start.wall + 60_000)
        #expect(later.jump == jump)
        // Once the clock is right again, no jump remains.
        let right = after(later, boot: 121_000, wall: Self.start.wall + 120_000)
        #expect(right.now(121_000) == Self.start.wall + 120_000 && right.jump == 0)
    }

    @Test func downtimeCountsUpToLargestGap() {
        let fresh = LogTime(Self.start)
        let weekend = after(fresh, boot: 5_000, wall: Self.start.wall + 2 * Self.day, id: "b")
        #expect(weekend.time == Self.start.wall + 2 * Self.day && weekend.jump == 0)
        let holidays = after(fresh, boot: 5_000, wall: Self.start.wall + 14 * Self.day, id: "b")
        #expect(holidays.time == Self.start.wall && holidays.jump == 14 * Self.day)
        let past = after(fresh, boot: 5_000, wall: Self.start.wall - Self.day, id: "b")
        #expect(past.time == Self.start.wall && past.jump == -Self.day)
    }

    @Test func settleResolvesClockJump() {
        let jumped = after(LogTime(Self.start), boot: 5_000, wall: Self.start.wall + 14 * Self.day, id: "b")
        var passed = jumped
        passed.settle(.passed)
        #expect(passed.time == jumped.time + 14 * Self.day && passed.jump == 0)
        #expect(after(passed, boot: 65_000, wall: Self.start.wall + 14 * Self.day + 60_000, id: "b").jump == 0)
        var wrong = jumped
        wrong.settle(.wrong)
        #expect(wrong.time == jumped.time && wrong.jump == 0)
        let later = after(wrong, boot: 65_000, wall: Self.start.wall + 14 * Self.day + 60_000, id: "b")
        #expect(later.jump == 0 && later.time == jumped.time + 60_000)
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
            let passed = Int64.random(in: 0..<600_000, using: &numbers)
            if isRestart {
                id += 1
                boot = passed
            } else {
                boot += passed
            }
            let wall =
                [
                    Self.start.wall, 0, before, before + passed, before + Self.year, before - Self.year,
                    253_402_300_799_999, Int64.random(in: 0..<4_000_000_000_000, using: &numbers),
                ].randomElement(using: &numbers) ?? 0
            time = after(time, boot: boot, wall: max(0, wall), id: "\(id)")
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
