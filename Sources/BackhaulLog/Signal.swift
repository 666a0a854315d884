internal import Synchronization

/// An event that one waiter at a time awaits. Raised while nobody waits, it is remembered once.
package final class Signal: Sendable {
    private struct State {
        var raised = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    package init() {}

    package func raise() {
        let waiter = state.withLock { state in
            guard let waiter = state.waiter else {
                state.raised = true
                return nil as CheckedContinuation<Void, Never>?
            }
            state.waiter = nil
            return waiter
        }
        waiter?.resume()
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
                    state.waiter = continuation
                    return false
                }
                if ready { continuation.resume() }
            }
        } onCancel: {
            raise()
        }
    }
}
