import BackhaulDomain
import BackhaulUnits
import BackhaulView
import Synchronization
import Testing

@testable import BackhaulWeb

@Suite("Overview cache")
struct OverviewCacheTests {
    private let question = OverviewCache.Question(tenant: "t", batch: nil)

    private func overview(_ lag: Int64) -> Overview {
        Overview(counts: StatusCounts(), storedSize: .zero, reasons: [], uploads: [], lag: lag)
    }

    /// Callers who come while an answer is renewed get the one before, and cost nothing.
    @Test func oneCallerRenewsAnExpiredAnswer() async throws {
        let now = Mutex(ContinuousClock.now)
        let cache = OverviewCache { now.withLock(\.self) }
        @Sendable func make(_ lag: Int64) -> Overview {
            now.withLock { $0 += .seconds(1) }
            return overview(lag)
        }
        #expect(try await cache.answer(question, prepare: {}, { make(1) }).lag == 1)
        now.withLock { $0 += .seconds(19) }
        #expect(try await cache.answer(question, prepare: {}, { make(9) }).lag == 1)
        now.withLock { $0 += .seconds(1) }
        let made = Mutex(0)
        let renewed = try await cache.answer(question, prepare: {}) {
            for _ in 0..<20 {
                let other = try await cache.answer(question, prepare: {}) {
                    made.withLock { $0 += 1 }
                    return overview(3)
                }
                #expect(other.lag == 1)
            }
            return make(2)
        }
        #expect(renewed.lag == 2 && made.withLock(\.self) == 0)
        #expect(try await cache.answer(question, prepare: {}, { make(4) }).lag == 2)
        now.withLock { $0 += .seconds(20) }
        #expect(try await cache.answer(question, prepare: {}, { make(5) }).lag == 5)
    }
}
