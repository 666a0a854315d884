package import BackhaulDomain
package import BackhaulUnits

/// Whether attempts at a place, or from a source root, make sense. Pure.
///
/// It opens after some failures in a row. While it is open nothing begins but one probe at a time, at growing
/// intervals. A probe that works lets one attempt through at a time, then two, four and so on, until the usual number
/// is reached and it is closed. This is the circuit breaker of M. Nygard, "Release It!", with TCP's slow start.
package struct Breaker: Hashable, Sendable {
    package enum State: Hashable, Sendable {
        case closed
        /// The next probe may begin at `until`.
        case open(until: Timestamp)
        /// At most `limit` attempts.
        case recovering(limit: Int)
    }

    package private(set) var state = State.closed
    /// nil while it is closed.
    package private(set) var opening: BreakerOpening?
    /// Failures since an attempt last worked.
    package private(set) var failuresInRow = 0
    private var wait: Duration?

    package init() {}

    package var isOpen: Bool { if case .open = state { true } else { false } }

    /// How many attempts may run, if `normal` may when it is closed.
    package func limit(normal: Int) -> Int {
        switch state {
        case .closed: normal
        case .open: 0
        case .recovering(let limit): min(limit, normal)
        }
    }

    /// Whether nothing is to be remembered.
    package var isPristine: Bool { state == .closed && failuresInRow == 0 }

    /// An attempt worked.
    package mutating func worked(normal: Int) {
        failuresInRow = 0
        switch state {
        case .closed: return
        case .open: state = .recovering(limit: 1)
        case .recovering(let limit): state = .recovering(limit: limit.addingClamped(limit))
        }
        if case .recovering(let limit) = state, limit >= normal { close() }
    }

    /// An attempt failed for a reason that concerns all tasks alike.
    /// - Parameters:
    ///   - isProbe: whether it was the probe of an open breaker.
    ///   - random: a number in 0 ..< 1, which lengthens the wait by up to a tenth.
    /// - Returns: whether the failure costs the task nothing. A probe that may pass later costs its task what any
    ///   attempt costs: it comes no sooner than the task's own retries, and a task whose failure is its own ends.
    package mutating func failed(
        _ failure: Failure, isProbe: Bool, policy: BreakerPolicy, now: Timestamp, random: Double
    ) -> Bool {
        switch state {
        case .open:
            // One that began before the breaker opened tells nothing new.
            guard isProbe else { return true }
            open(policy, now: now, random: random)
            return failure.kind != .transient && failure.kind != .permanent
        case .recovering:
            open(policy, now: now, random: random)
            return true
        case .closed:
            failuresInRow += 1
            let isCertain = failure.isCertainForAll
            guard isCertain || failuresInRow >= policy.failures else { return false }
            opening = BreakerOpening(at: now, failure: failure)
            wait = nil
            open(policy, now: now, random: random)
            // The first task keeps the reason in the log. A task that was only the last of a row does not pay for it.
            return !isCertain
        }
    }

    /// The place asks for a pause.
    /// - Returns: as `failed`.
    package mutating func paused(_ failure: Failure, for pause: Duration, now: Timestamp) -> Bool {
        let wasClosed = state == .closed
        if wasClosed { opening = BreakerOpening(at: now, failure: failure) }
        let until = now + pause
        if case .open(let earlier) = state, earlier >= until { return true }
        state = .open(until: until)
        return !wasClosed
    }

    private mutating func open(_ policy: BreakerPolicy, now: Timestamp, random: Double) {
        let next = min(wait.map { $0 * 2 } ?? policy.firstWait, policy.longestWait)
        wait = next
        state = .open(until: now + next + next * (random / 10))
    }

    private mutating func close() {
        state = .closed
        opening = nil
        wait = nil
    }
}
