import BackhaulTestKit
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
}
