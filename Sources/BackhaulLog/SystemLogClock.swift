internal import Foundation

/// The machine's time, kept from running backwards: wall time as read at the start, moved on by the monotonic clock.
/// A clock that is set back or forward while the process runs changes nothing that waits; the next start reads it anew.
package struct SystemLogClock: LogClock {
    private let start: ContinuousClock.Instant
    private let wall: Int64

    package init() {
        start = ContinuousClock.now
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        wall = Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
    }

    package var now: Int64 {
        let elapsed = (ContinuousClock.now - start).components
        return wall + elapsed.seconds * 1_000 + elapsed.attoseconds / 1_000_000_000_000_000
    }

    package func sleep(until instant: Int64) async throws {
        let wait = instant - now
        guard wait > 0 else { return try Task.checkCancellation() }
        try await ContinuousClock().sleep(for: .milliseconds(wait))
    }
}
