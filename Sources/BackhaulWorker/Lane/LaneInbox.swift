internal import BackhaulLog
internal import Synchronization

/// What has happened to a lane and is not handled yet; filled from any thread, emptied by the lane's loop.
final class LaneInbox: Sendable {
    private struct State {
        var events: [LaneEvent] = []
        var failure: (any Error)?
    }

    private let state = Mutex(State())
    private let signal = Signal()

    func add(_ event: LaneEvent) {
        // The loop takes the whole list, so only the first event of a batch has to wake it.
        let isFirst = state.withLock { state in
            state.events.append(event)
            return state.events.count == 1
        }
        if isFirst { signal.raise() }
    }

    /// Ends the loop with an error.
    func fail(_ error: any Error) {
        state.withLock { $0.failure = $0.failure ?? error }
        signal.raise()
    }

    /// Waits for events, and takes all of them. Empty when the task is cancelled.
    /// - Throws: the error of `fail`.
    func take() async throws -> [LaneEvent] {
        while true {
            let taken = try state.withLock { state in
                if let failure = state.failure { throw failure }
                defer { state.events = [] }
                return state.events
            }
            if !taken.isEmpty || Task.isCancelled { return taken }
            await signal.wait()
        }
    }
}
