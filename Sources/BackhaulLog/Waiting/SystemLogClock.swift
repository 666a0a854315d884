internal import Foundation

/// The machine's time: `now` is the wall clock at the start, advanced by the monotonic clock; `wall` is the wall
/// clock.
package struct SystemLogClock: LogClock {
    private let start = ContinuousClock.now
    private let base: Int64

    package init() { base = Self.wall }

    package var now: Int64 { base + Self.milliseconds(ContinuousClock.now - start) }

    package var wall: Int64 { Self.wall }

    /// The wall clock in milliseconds since 1970, limited to `StoredRecord.times`.
    package static var wall: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        let (seconds, overflows) = Int64(time.tv_sec).multipliedReportingOverflow(by: 1_000)
        guard !overflows else { return time.tv_sec < 0 ? 0 : StoredRecord.times.upperBound }
        return min(max(0, seconds + Int64(time.tv_nsec) / 1_000_000), StoredRecord.times.upperBound)
    }

    package static func milliseconds(_ duration: Duration) -> Int64 {
        let parts = duration.components
        return parts.seconds * 1_000 + parts.attoseconds / 1_000_000_000_000_000
    }

    package func sleep(until instant: Int64) async throws {
        let wait = instant - now
        guard wait > 0 else { return try Task.checkCancellation() }
        try await ContinuousClock().sleep(for: .milliseconds(wait))
    }
}
