import BackhaulLog
import BackhaulUnits
import Logging

/// Runs the log's upkeep at an interval. On an embedded log this also finds the appends of a process that died before
/// it could announce them.
enum LogMaintenance {
    static func run(_ log: any MessageLog, every interval: Duration, clock: any LogClock, logger: Logger) async throws {
        while true {
            do {
                try await log.maintain()
            } catch let error as LogError {
                if case .damaged = error { throw error }
                if case .closed = error { return }
                logger.warning("upkeep of the log failed", metadata: ["error": "\(error)"])
            }
            try await clock.sleep(until: clock.now + interval)
        }
    }
}
