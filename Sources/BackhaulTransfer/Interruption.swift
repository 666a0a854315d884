internal import Synchronization

/// Interrupts one piece of work from any thread, at its current wait, without cancelling its task.
///
/// The work runs in one task, one wait after another; each wait registers beforehand how it is ended. Cancelling
/// the task itself would be final, but the same task must still record the interruption.
package final class Interruption: Sendable {
    private struct State {
        var isInterrupted = false
        var end: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())

    package init() {}

    package var isInterrupted: Bool { state.withLock(\.isInterrupted) }

    /// Ends the current wait, and every later one at once.
    package func interrupt() {
        let end = state.withLock { state in
            state.isInterrupted = true
            defer { state.end = nil }
            return state.end
        }
        end?()
    }

    /// Until `disarm`, an interruption calls `end`. If it has already come, `arm` calls `end` at once, on the
    /// caller's thread. Either way it is called once: only the thread that takes it out under the lock calls it.
    package func arm(_ end: @escaping @Sendable () -> Void) {
        let isLate = state.withLock { state in
            if !state.isInterrupted { state.end = end }
            return state.isInterrupted
        }
        if isLate { end() }
    }

    package func disarm() { state.withLock { $0.end = nil } }
}
