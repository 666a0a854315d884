package import BackhaulDomain
package import BackhaulLog
internal import HTTPTypes
internal import Synchronization

/// What a tenant may hand in: so many tasks a second, and so many that are not acknowledged yet.
///
/// The second is PhotoKit's `jobLimit`: what is under way counts, and what has ended until its owner has acknowledged it.
/// The count is a view's, with the view's lag; what this process has let in since the view looked is added, so that one
/// process never lets more than the limit through. Several ingest nodes may together, by what each lets in during the lag.
package final class TenantLimits: Sendable {
    /// Limits of each tenant; 0 for none.
    package struct Rules: Hashable, Sendable {
        package var tasksPerSecond: Int
        package var unacknowledged: Int

        package init(tasksPerSecond: Int = 0, unacknowledged: Int = 0) {
            self.tasksPerSecond = tasksPerSecond
            self.unacknowledged = unacknowledged
        }
    }

    private struct Count {
        var unacknowledged: Int
        /// Milliseconds.
        var at: Int64
        /// Let in, and not answered by the log yet.
        var underWay = 0
        /// Answered by the log since the view was last asked.
        var settled = 0
        var isKnown = true

        /// What counts against the limit.
        var sum: Int { unacknowledged + underWay + settled }
    }

    private struct State {
        var rules: Rules
        var budgets: [ByteText: TenantBudget] = [:]
        var counts: [ByteText: Count] = [:]
    }

    private let clock: any LogClock
    private let unacknowledged: (@Sendable (_ tenant: ByteText) async throws -> Int)?
    private let state: Mutex<State>

    /// Milliseconds for which a view's count is taken as it is.
    private static let freshness: Int64 = 1_000
    /// Milliseconds after which a count says nothing any more.
    private static let memory: Int64 = 30_000
    /// Tenants that are remembered; beyond them the books begin anew, which only forgives.
    private static let tenants = 10_000

    /// - Parameter unacknowledged: how many tasks of a tenant a view counts; nil where there is none to ask.
    package init(
        rules: Rules, clock: any LogClock, unacknowledged: (@Sendable (_ tenant: ByteText) async throws -> Int)? = nil
    ) {
        self.clock = clock
        self.unacknowledged = unacknowledged
        state = Mutex(State(rules: rules))
    }

    /// These rules count from now on.
    package func replace(_ rules: Rules) {
        state.withLock { state in
            state.rules = rules
            state.budgets = [:]
        }
    }

    /// Asks for room for `count` tasks of a tenant.
    /// - Returns: how many may be handed in now, and why not more.
    func take(_ count: Int, of tenant: ByteText) async -> (taken: Int, problem: Problem?) {
        let rules = state.withLock(\.rules)
        var taken = count
        var problem: Problem?
        if rules.unacknowledged > 0, let unacknowledged {
            await refresh(tenant, unacknowledged)
            let room = state.withLock { state -> Int in
                let count = state.counts[tenant] ?? Count(unacknowledged: 0, at: .min, isKnown: false)
                // Nobody knows, or has known for long: a view that is away must not keep valid tasks out.
                let isKnown = count.isKnown && clock.now - count.at < Self.memory
                let room = isKnown ? max(0, rules.unacknowledged - count.sum) : taken
                state.counts[tenant, default: count].underWay += min(room, taken)
                return room
            }
            if room < taken {
                taken = room
                problem = Problem(
                    .tooManyRequests, "tenant-limit",
                    "the tenant has \(rules.unacknowledged) tasks that are not acknowledged; wait for some to end and "
                        + "acknowledge them", retryAfter: 5)
            }
        }
        guard rules.tasksPerSecond > 0 else { return (taken, problem) }
        let now = clock.now
        let (allowed, retryAfter) = state.withLock { state in
            if state.budgets.count >= Self.tenants, state.budgets[tenant] == nil { state.budgets = [:] }
            var budget = state.budgets[tenant] ?? TenantBudget(rate: Double(rules.tasksPerSecond), now: now)
            defer { state.budgets[tenant] = budget }
            return budget.take(taken, now: now)
        }
        if allowed < taken {
            state.withLock { $0.counts[tenant]?.underWay -= taken - allowed }
            taken = allowed
            problem = Problem(
                .tooManyRequests, "rate-limit", "a tenant may hand in \(rules.tasksPerSecond) tasks a second",
                retryAfter: retryAfter)
        }
        return (taken, problem)
    }

    /// The log has answered for so many that were let in, whatever it said.
    func settle(_ count: Int, of tenant: ByteText) {
        state.withLock { state in
            guard var known = state.counts[tenant] else { return }
            let ended = min(count, known.underWay)
            known.underWay -= ended
            known.settled += ended
            state.counts[tenant] = known
        }
    }

    /// Takes a new count when the last one is old. What the log answered before the question is in the view's count, since
    /// it catches up first; what comes later is still ours.
    private func refresh(_ tenant: ByteText, _ ask: @Sendable (ByteText) async throws -> Int) async {
        let now = clock.now
        let (isFresh, before) = state.withLock { state in
            let count = state.counts[tenant]
            return (count.map { $0.isKnown && now - $0.at < Self.freshness } ?? false, count?.settled ?? 0)
        }
        guard !isFresh, let found = try? await ask(tenant) else { return }
        state.withLock { state in
            if state.counts.count >= Self.tenants, state.counts[tenant] == nil { state.counts = [:] }
            var count = state.counts[tenant] ?? Count(unacknowledged: 0, at: now)
            count.unacknowledged = found
            count.at = now
            count.isKnown = true
            count.settled = max(0, count.settled - before)
            state.counts[tenant] = count
        }
    }
}
