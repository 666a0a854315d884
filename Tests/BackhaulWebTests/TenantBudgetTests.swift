import BackhaulTestKit
import BackhaulUnits
import Testing

@testable import BackhaulWeb

@Suite("Tenant budget")
struct TenantBudgetTests {
    @Test func budgetRefillsAtRateUpToBurst() {
        var budget = TenantBudget(rate: 10, now: 0)
        #expect(budget.take(600, now: 0) == (500, 1))
        #expect(budget.take(1, now: 50) == (0, 1))
        #expect(budget.take(20, now: 1_050) == (10, 1))
        #expect(budget.take(1_000, now: 1_000_000).taken == 500)
        // A clock that goes back adds nothing to the budget and removes nothing.
        #expect(budget.take(1, now: 0).taken == 0)
    }

    @Test func zeroRateIsUnlimited() {
        var budget = TenantBudget(rate: 0, now: 0)
        #expect(budget.take(1_000_000, now: 0) == (1_000_000, 0))
    }

    /// Over any sequence of takes, what is taken is at most a day's bytes, what has flowed in since, and one file.
    @Test(arguments: 1...10 as ClosedRange<UInt64>)
    func bytesOfADayAreKept(_ seed: UInt64) {
        var numbers = SeededNumbers(seed: seed)
        let day: Int64 = 86_400_000
        var budget = ByteBudget(perDay: 1_000_000, now: 0)
        var now: Int64 = 0
        var sum = 0.0
        for _ in 0..<2_000 {
            now += Int64.random(in: 0...600_000, using: &numbers)
            let sizes = (0..<Int.random(in: 1...5, using: &numbers)).map { _ in
                ByteCount(UInt64.random(in: 0...50_000, using: &numbers))
            }
            let (taken, wait) = budget.take(sizes, now: Timestamp(clamping: now))
            sum += sizes.prefix(taken).reduce(0) { $0 + Double($1.bytes) }
            #expect(sum <= 1_000_000 + 1_000_000 * Double(now) / Double(day) + 50_000)
            #expect((1...86_400).contains(wait))
            if taken < sizes.count {
                var later = budget
                #expect(later.take([1], now: Timestamp(clamping: now + Int64(wait) * 1_000 + 1_000)).taken == 1)
            }
        }
        #expect(sum > 1_000_000)
    }

    /// A file that is larger than a day's bytes is taken once, and paid for.
    @Test func hugeFileIsTakenByAFullBudget() {
        var budget = ByteBudget(perDay: 1_000, now: 0)
        #expect(budget.take([3_000, 1], now: 0).taken == 1)
        #expect(budget.take([1], now: 86_400_000).taken == 0)
        #expect(budget.take([1], now: 172_801_000).taken == 1)
    }
}
