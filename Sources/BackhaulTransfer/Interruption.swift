internal import Synchronization

/// Ends one piece of work from any thread, at whatever it waits for: a cancel without a task of its own.
///
/// The work is done in one task, one wait after the other; each wait names beforehand how it is ended. Cancelling the task
/// itself would be for good, and what was interrupted has still to be written down by the same task.
package final class Interruption: Sendable {
    private struct State {
        var isInterrupted = false
        var end: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())

    package init() {}

    package var isInterrupted: Bool { state.withLock(\.isInterrupted) }

    /// Ends the wait under way, and every later one at once.
    package func interrupt() {
        let end = state.withLock { state in
            state.isInterrupted = true
            defer { state.end = nil }
            return state.end
        }
        end?()
    }

    /// From now on until `disarm` an interruption calls `end`; at once, on the caller's thread, when it has come already.
    /// Either way it is called once: whoever takes it out under the lock calls it.
    package func arm(_ end: @escaping @Sendable () -> Void) {
        let isLate = state.withLock { state in
            if !state.isInterrupted { state.end = end }
            return state.isInterrupted
        }
        if isLate { end() }
    }

    package func disarm() { state.withLock { $0.end = nil } }
}
