internal import BackhaulLog
internal import BackhaulUnits
internal import Foundation
internal import Synchronization

/// The clock of an embedded log: `now` is the log's own time, `wall` the machine's.
final class LogTimeClock: LogClock {
    private let state: Mutex<LogTime>

    init(_ time: LogTime) { state = Mutex(time) }

    var now: Timestamp { state.withLock { $0.now(Self.boot) } }

    var wall: Timestamp { SystemLogClock.wall }

    /// The current time, for the store.
    var time: LogTime { state.withLock { $0 } }

    /// Reads the machine's clocks and advances the time.
    /// - Returns: the time, and whether a jump has appeared or disappeared.
    func look(largestGap: Duration) -> (time: LogTime, isNews: Bool) {
        state.withLock { time in
            let before = time.jump
            time.advance(to: Self.reading, largestGap: largestGap)
            return (time, (before == .zero) != (time.jump == .zero))
        }
    }

    func settle(_ answer: LogTime.Answer) { state.withLock { $0.settle(answer) } }

    func sleep(until instant: Timestamp) async throws {
        let wait = instant - now
        guard wait > .zero else { return try Task.checkCancellation() }
        try await ContinuousClock().sleep(for: wait)
    }

    static var reading: LogTime.Reading {
        LogTime.Reading(wall: SystemLogClock.wall, boot: boot, bootID: bootID)
    }

    // Missing in some sandboxes: then each process counts as another boot, and the wall clock must be believable.
    private static let bootID = String(
        ((try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)) ?? UUID().uuidString)
            .prefix(36))

    private static var boot: Duration {
        var time = timespec()
        clock_gettime(CLOCK_BOOTTIME, &time)
        return .milliseconds(Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000)
    }
}
