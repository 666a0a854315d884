import BackhaulDomain
import BackhaulTestKit
import BackhaulUnits
import Synchronization
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

    /// At its limit of unacknowledged tasks a tenant is refused; without an answer of the view it is not, and it does
    /// not wait for one.
    @Test func unacknowledgedTasksAreLimited() async {
        let clock = ManualClock()
        let quotas = TenantQuotas(TenantQuota(unacknowledgedTasks: 10))
        let limits = TenantLimits(quotas: quotas, clock: clock, patience: .seconds(3_600)) { _ in 7 }
        let first = await limits.take([1, 1], of: "t")
        #expect(first.taken == 2 && first.problem == nil)
        let second = await limits.take([1, 1], of: "t")
        #expect(second.taken == 1 && second.problem?.code == "tenant-limit")
        let retried = await limits.take([1, 1], of: "t", areCounted: true)
        #expect(retried.taken == 2 && retried.problem == nil)
        limits.settle(3, of: "t")
        #expect(await limits.take([1], of: "t").taken == 0)

        let silent = TenantLimits(quotas: quotas, clock: clock) { _ in
            try await ContinuousClock().sleep(for: .seconds(3_600))
            return 7
        }
        #expect(await silent.take(Array(repeating: 1, count: 11), of: "t").taken == 11)
    }

    private final class Stored: Sendable {
        let count = Mutex(0)
    }

    /// However its tasks end and whenever the view is asked, a tenant never has more than its limit at once.
    @Test func concurrentQueriesForgetNothing() async throws {
        let clock = ManualClock()
        let stored = Stored()
        let limits = TenantLimits(
            quotas: TenantQuotas(TenantQuota(unacknowledgedTasks: 100)), clock: clock, patience: .seconds(3_600)
        ) { _ in
            let seen = stored.count.withLock { $0 }
            await Task.yield()
            return seen
        }
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<50 {
                group.addTask {
                    for _ in 0..<20 {
                        let taken = await limits.take([1], of: "t").taken
                        guard taken > 0 else { continue }
                        // As the log and the view see it: stored, then answered.
                        stored.count.withLock { $0 += taken }
                        limits.settle(taken, of: "t")
                        clock.advance(by: .milliseconds(50))
                    }
                }
            }
        }
        #expect(stored.count.withLock { $0 } <= 100)
    }

    /// A file that is larger than a day's bytes is taken once, and paid for.
    @Test func hugeFileIsTakenByAFullBudget() {
        var budget = ByteBudget(perDay: 1_000, now: 0)
        #expect(budget.take([3_000, 1], now: 0).taken == 1)
        #expect(budget.take([1], now: 86_400_000).taken == 0)
        #expect(budget.take([1], now: 172_801_000).taken == 1)
    }
}
