internal import BackhaulLog
internal import Synchronization

/// What has happened to a runner of replays and is not handled yet.
final class ReplayInbox: Sendable {
    enum Event: Sendable {
        case session(SessionEvent)
        /// Records may have come.
        case changed
        /// Time has passed.
        case tick
        /// The session is closed, or has failed.
        case over((any Error)?)
    }

    private let events = Mutex<[Event]>([])
    private let signal = Signal()

    func add(_ event: Event) {
        events.withLock { events in
            if case .changed = event, case .changed? = events.last { return }
            events.append(event)
        }
        signal.raise()
    }

    /// Waits for events, and takes all of them. Empty when the task is cancelled.
    func take() async -> [Event] {
        while true {
            let taken = events.withLock { events in
                defer { events = [] }
                return events
            }
            if !taken.isEmpty || Task.isCancelled { return taken }
            await signal.wait()
        }
    }
}
