import BackhaulLog
import Synchronization

/// The port of a process's API, once it listens: the system may choose it.
final class ListeningPort: Sendable {
    private let port = Mutex<Int?>(nil)
    private let isKnown = Signal()

    func set(_ number: Int) {
        port.withLock { $0 = number }
        isKnown.raise()
    }

    /// The port, or nil when the calling task is cancelled before it is known.
    func wait() async -> Int? {
        while port.withLock({ $0 == nil }), !Task.isCancelled { await isKnown.wait() }
        return port.withLock(\.self)
    }

    /// nil before it listens.
    var number: Int? { port.withLock(\.self) }
}
