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
            await withCheckedContinuation { continuation in
                // A cancel before this point has raised the signal, so it is found here; one after it resumes the
                // continuation just stored. Neither order leaves the waiter behind.
                let ready = state.withLock { state in
                    if state.raised || Task.isCancelled {
                        state.raised = false
                        return true
                    }
                    state.waiters.append(continuation)
                    return false
                }
                if ready { continuation.resume() }
            }
        } onCancel: {
            raise()
        }
    }
}
