package import BackhaulUnits
internal import Foundation

/// The machine's time: `now` is the wall clock at the start, advanced by the monotonic clock; `wall` is the wall
/// clock.
package struct SystemLogClock: LogClock {
    private let start = ContinuousClock.now
    private let base: Timestamp

    package init() { base = Self.wall }

    package var now: Timestamp { base + (ContinuousClock.now - start) }

    package var wall: Timestamp { Self.wall }

    /// The wall clock, limited to the times that a `Timestamp` holds.
    package static var wall: Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        let (seconds, overflows) = Int64(time.tv_sec).multipliedReportingOverflow(by: 1_000)
        guard !overflows else { return time.tv_sec < 0 ? .earliest : .latest }
        return Timestamp(clamping: seconds.addingClamped(Int64(time.tv_nsec) / 1_000_000))
    }

    package func sleep(until instant: Timestamp) async throws {
        let wait = instant - now
        guard wait > .zero else { return try Task.checkCancellation() }
        try await ContinuousClock().sleep(for: wait)
    }
}
