package import BackhaulDomain
package import BackhaulLog
internal import BackhaulUnits
internal import HTTPTypes
internal import Synchronization

/// Limits a tenant's submissions: tasks per second, bytes a day, and tasks that are not acknowledged yet.
///
/// The last is PhotoKit's `jobLimit`: a task counts while it is in progress, and after its end until its owner
/// acknowledges it. The count comes from a view and lags with it. What this process has admitted since the view was
/// queried is added, so that one process never exceeds the limit while the view answers. Several ingest nodes
/// together may exceed it by what each admits during the lag.
package final class TenantLimits: Sendable {
    private struct Count {
        var unacknowledged: Int
        /// When the view was queried, by the log's clock.
        var at: Timestamp
        /// Admitted, and not answered by the log yet.
        var underWay = 0
        /// Answered by the log since the view was last queried.
        var settled = 0
        var isKnown = true
        /// Those that wait for the query that is under way; nil without one. One at a time: a query that ends late does
        /// not know what another has taken out of `settled`.
        var waiting: [Signal]?

        /// What counts against the limit.
        var sum: Int { unacknowledged + underWay + settled }
    }

    private struct State {
        var quotas: TenantQuotas
        var budgets: [ByteText: TenantBudget] = [:]
        var byteBudgets: [ByteText: ByteBudget] = [:]
        var counts: [ByteText: Count] = [:]
    }

    private let clock: any LogClock
    /// How long a submission waits for the view.
    private let patience: Duration
    private let unacknowledged: (@Sendable (_ tenant: ByteText) async throws -> Int)?
    private let state: Mutex<State>

    /// How long a view's count is used without a new query.
    private static let freshness = Duration.seconds(1)
    /// The age after which a count is no longer used.
    private static let memory = Duration.seconds(30)
    /// Maximum tenants remembered; beyond it the counts are cleared, which only admits more.
    private static let tenants = 10_000

    /// - Parameters:
    ///   - patience: how long a submission waits for the view.
    ///   - unacknowledged: returns a view's count of a tenant's tasks; nil without a view.
    package init(
        quotas: TenantQuotas, clock: any LogClock, patience: Duration = .seconds(1),
        unacknowledged: (@Sendable (_ tenant: ByteText) async throws -> Int)? = nil
    ) {
        self.clock = clock
        self.patience = patience
        self.unacknowledged = unacknowledged
        state = Mutex(State(quotas: quotas))
    }

    /// Applies these quotas from now on, with full budgets if they differ.
    package func replace(_ quotas: TenantQuotas) {
        state.withLock { state in
            guard state.quotas != quotas else { return }
            state.quotas = quotas
            state.budgets = [:]
            state.byteBudgets = [:]
        }
    }

    /// Admits tasks of a tenant from the first on.
    /// - Parameters:
    ///   - sizes: of their files.
    ///   - areCounted: whether the tasks count as unacknowledged already, as those that are retried do.
    /// - Returns: how many may be submitted now, and why not more.
    func take(
        _ sizes: [ByteCount], of tenant: ByteText, areCounted: Bool = false
    ) async -> (taken: Int, problem: Problem?) {
        let rules = state.withLock(\.quotas).quota(of: tenant)
        var taken = sizes.count
        var problem: Problem?
        if rules.unacknowledgedTasks > 0, !areCounted, let unacknowledged {
            await refresh(tenant, unacknowledged)
            let room = state.withLock { state -> Int in
                let count = state.counts[tenant] ?? Count(unacknowledged: 0, at: .earliest, isKnown: false)
                // Without a recent count all are admitted: an unreachable view must not refuse valid tasks.
                let isKnown = count.isKnown && clock.now - count.at < Self.memory
                let room = isKnown ? max(0, rules.unacknowledgedTasks - count.sum) : taken
                state.counts[tenant, default: count].underWay += min(room, taken)
                return room
            }
            if room < taken {
                taken = room
                problem = Problem(
                    .tooManyRequests, "tenant-limit",
                    "the tenant is at its limit of \(rules.unacknowledgedTasks) unacknowledged tasks; "
                        + "wait for some to end and acknowledge them", retryAfter: .seconds(5))
            }
        }
        func limit(to allowed: Int, _ new: Problem) {
            guard allowed < taken else { return }
            if !areCounted { state.withLock { $0.counts[tenant]?.underWay -= taken - allowed } }
            taken = allowed
            problem = new
        }
        let now = clock.now
        if rules.tasksPerSecond > 0 {
            let (allowed, retryAfter) = state.withLock { state in
                if state.budgets.count >= Self.tenants, state.budgets[tenant] == nil { state.budgets = [:] }
                var budget = state.budgets[tenant] ?? TenantBudget(rate: Double(rules.tasksPerSecond), now: now)
                defer { state.budgets[tenant] = budget }
                return budget.take(taken, now: now)
            }
            limit(
                to: allowed,
                Problem(
                    .tooManyRequests, "rate-limit", "a tenant may submit \(rules.tasksPerSecond) tasks per second",
                    retryAfter: .seconds(retryAfter)))
        }
        if rules.bytesPerDay > .zero {
            let (allowed, retryAfter) = state.withLock { state in
                if state.byteBudgets.count >= Self.tenants, state.byteBudgets[tenant] == nil { state.byteBudgets = [:] }
                var budget = state.byteBudgets[tenant] ?? ByteBudget(perDay: rules.bytesPerDay, now: now)
                defer { state.byteBudgets[tenant] = budget }
                return budget.take(sizes.prefix(taken), now: now)
            }
            limit(
                to: allowed,
                Problem(
                    .tooManyRequests, "byte-limit",
                    "the tenant has submitted its \(rules.bytesPerDay.bytes) bytes of a day; wait",
                    retryAfter: .seconds(retryAfter)))
        }
        return (taken, problem)
    }

    /// Gives bytes back to the tenant's day: the log had the task already, or did not take it.
    func giveBack(_ size: ByteCount, to tenant: ByteText) {
        state.withLock { $0.byteBudgets[tenant]?.giveBack(size) }
    }

    /// Records that the log has answered for `count` admitted tasks, with any outcome.
    func settle(_ count: Int, of tenant: ByteText) {
        state.withLock { state in
            guard var known = state.counts[tenant] else { return }
            let ended = min(count, known.underWay)
            known.underWay -= ended
            known.settled += ended
            state.counts[tenant] = known
        }
    }

    /// Queries the view when the last count is old. What the log answered before the query is in the view's count,
    /// since the view catches up first; what it answers later stays in `settled`.
    private func refresh(_ tenant: ByteText, _ ask: @escaping @Sendable (ByteText) async throws -> Int) async {
        let now = clock.now
        enum Turn {
            case fresh
            case wait(Signal)
            case ask(before: Int)
        }
        let turn = state.withLock { state -> Turn in
            if state.counts.count >= Self.tenants, state.counts[tenant] == nil { state.counts = [:] }
            var count = state.counts[tenant] ?? Count(unacknowledged: 0, at: now, isKnown: false)
            if count.isKnown, now - count.at < Self.freshness { return .fresh }
            defer { state.counts[tenant] = count }
            guard let others = count.waiting else {
                count.waiting = []
                return .ask(before: count.settled)
            }
            let mine = Signal()
            count.waiting = others + [mine]
            return .wait(mine)
        }
        let before: Int
        switch turn {
        case .fresh: return
        case .wait(let mine): return await mine.wait(for: patience)
        case .ask(let settled): before = settled
        }
        defer {
            let waiting = state.withLock { state in
                defer { state.counts[tenant]?.waiting = nil }
                return state.counts[tenant]?.waiting ?? []
            }
            for signal in waiting { signal.raise() }
        }
        // Building a view may take long; no submission waits for that.
        guard let found = try? await Deadline.run(patience, { try await ask(tenant) }) else { return }
        state.withLock { state in
            var count = state.counts[tenant] ?? Count(unacknowledged: 0, at: now)
            count.unacknowledged = found
            count.at = now
            count.isKnown = true
            count.settled = max(0, count.settled - before)
            state.counts[tenant] = count
        }
    }
}
