package import BackhaulDomain
package import BackhaulLog
package import BackhaulTelemetry
package import BackhaulUnits
package import Logging

/// Appends acts to the log.
package final class ActRecorder: Sendable {
    private let log: any MessageLog
    private let layout: TopicLayout
    private let host: String
    private let logger: Logger
    private let unrecorded = Counter(
        "backhaul_unrecorded_acts_total", "Acts that the log did not take; a line of the log has each.")

    /// - Parameter host: the name of this machine.
    package init(_ log: any MessageLog, layout: TopicLayout, host: String, logger: Logger) {
        self.log = log
        self.layout = layout
        self.host = host
        self.logger = logger
    }

    package var families: [MetricFamily] { [unrecorded.family] }

    package var now: Timestamp { SystemLogClock.wall }

    /// Records an act; durable when it returns. An act that the log does not take is logged in its place: what was done
    /// is done.
    /// - Returns: nil, or why it is not recorded.
    @discardableResult
    package func record(_ act: Act) async -> String? {
        do {
            _ = try await log.append([ActRecord.request(act, host: host, layout)])
            return nil
        } catch {
            miss(act, "\(error)")
            return "\(error)"
        }
    }

    /// Counts and logs an act in place of its record.
    /// - Parameter reason: why it is not recorded.
    package func miss(_ act: Act, _ reason: String) {
        unrecorded.add()
        logger.error(
            "an act is not in the log",
            metadata: [
                "act": "\(act.kind.rawValue)", "outcome": "\(act.outcome.rawValue)", "caller": "\(act.actor.name)",
                "address": "\(act.actor.address ?? "")", "tenant": "\(act.tenant?.text ?? "")",
                "tasks": "\(act.tasks)", "detail": "\(act.detail)", "error": "\(reason)",
            ])
    }
}
