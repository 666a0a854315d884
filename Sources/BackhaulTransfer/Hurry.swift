internal import Synchronization

/// Shortens the time of blocking work, from any thread, once the work has one.
final class Hurry: Sendable {
    private let end = Mutex<(@Sendable (Duration) -> Void)?>(nil)

    func set(_ end: @escaping @Sendable (Duration) -> Void) { self.end.withLock { $0 = end } }

    /// Leaves the work no more than this time from now on.
    func shorten(to time: Duration) { end.withLock { $0 }?(time) }
}
