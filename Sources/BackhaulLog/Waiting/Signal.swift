internal import Dispatch
internal import Synchronization

/// An event that tasks await. Raised while nobody waits, it is remembered once; else it wakes everybody who waits.
/// Whoever is woken looks for himself: a wake is no promise.
package final class Signal: Sendable {
    private struct State {
        var raised = false
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    package init() {}

    package func raise() {
        let waiters = state.withLock { state in
            guard !state.waiters.isEmpty else {
                state.raised = true
                return [CheckedContinuation<Void, Never>]()
            }
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Returns at the next raise, at once when one is remembered, or when the task is cancelled.
    package func wait() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { enter($0, endsAtCancel: true) }
        } onCancel: {
            raise()
        }
    }

    private func enter(_ continuation: CheckedContinuation<Void, Never>, endsAtCancel: Bool) {
        // A cancel before this point has raised the signal, so it is found here; one after it resumes the continuation just
        // stored. Neither order leaves the waiter behind.
        let ready = state.withLock { state in
            if state.raised || endsAtCancel && Task.isCancelled {
                state.raised = false
                return true
            }
            state.waiters.append(continuation)
            return false
        }
        if ready { continuation.resume() }
    }

    /// As `wait()`, but no longer than until `instant` by `clock` (its milliseconds); nil waits for the signal alone.
    package func wait(until instant: Int64?, by clock: any LogClock) async {
        guard let instant else { return await wait() }
        await race { try? await clock.sleep(until: instant) }
    }

    /// As `wait()`, but no longer than `duration`.
    package func wait(for duration: Duration) async {
        await race { try? await ContinuousClock().sleep(for: duration) }
    }

    /// As `wait()`, but a cancel does not end it: for what ends by itself and has to be waited for. `wait` in a loop would spin
    /// in a cancelled task until then.
    package func waitThrough() async {
        await withCheckedContinuation { enter($0, endsAtCancel: false) }
    }

    /// As `waitThrough()`, but no longer than about `duration`.
    package func waitThrough(for duration: Duration) async {
        let end = DispatchTime.now() + duration / .seconds(1)
        DispatchQueue.global().asyncAfter(deadline: end) { [weak self] in self?.raise() }
        await waitThrough()
    }

    private func race(_ other: @escaping @Sendable () async -> Void) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.wait() }
            group.addTask(operation: other)
            await group.next()
            // A wait that is cancelled raises the signal on its way out; whoever waits looks at its own state anyhow.
            group.cancelAll()
        }
    }
}
