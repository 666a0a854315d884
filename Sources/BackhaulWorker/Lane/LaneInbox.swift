internal import BackhaulLog
internal import Synchronization

/// What has happened to a lane and is not handled yet; filled from any thread, emptied by the lane's loop.
final class LaneInbox: Sendable {
    private let events = Mutex<[LaneEvent]>([])
    private let signal = Signal()

    func add(_ event: LaneEvent) {
        // The loop takes the whole list, so only the first event of a batch has to wake it.
        let isFirst = events.withLock { events in
            events.append(event)
            return events.count == 1
        }
        if isFirst { signal.raise() }
    }

    /// Waits for events, and takes all of them. Empty when the task is cancelled.
    func take() async -> [LaneEvent] {
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
