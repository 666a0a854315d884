package import BackhaulUnits
internal import Dispatch
internal import Synchronization

/// An event that tasks await. A raise without a waiter is remembered once; otherwise it wakes all waiters. A woken
/// task checks its own condition: a wake guarantees nothing.
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
        // A cancel before this point has raised the signal, which is found here. A cancel after it resumes the
        // continuation just stored. In either order the waiter wakes.
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

    /// As `wait()`, but at most until `clock` reads `instant`; nil waits for the signal alone.
    package func wait(until instant: Timestamp?, by clock: any LogClock) async {
        guard let instant else { return await wait() }
        await race { try? await clock.sleep(until: instant) }
    }

    /// As `wait()`, but for at most `duration`.
    package func wait(for duration: Duration) async {
        await race { try? await ContinuousClock().sleep(for: duration) }
    }

    /// As `wait()`, but a cancel does not end it: for events that are certain to come. In a cancelled task, `wait`
    /// in a loop would spin until then.
    package func waitThrough() async {
        await withCheckedContinuation { enter($0, endsAtCancel: false) }
    }

    /// As `waitThrough()`, but for at most about `duration`.
    package func waitThrough(for duration: Duration) async {
        let end = DispatchTime.now() + duration.inSeconds
        DispatchQueue.global().asyncAfter(deadline: end) { [weak self] in self?.raise() }
        await waitThrough()
    }

    private func race(_ other: @escaping @Sendable () async -> Void) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.wait() }
            group.addTask(operation: other)
            await group.next()
            // A cancelled wait raises the signal; waiters check their own state anyway.
            group.cancelAll()
        }
    }
}
