import BackhaulLog
import BackhaulTelemetry
import BackhaulUnits
import Synchronization

/// Whether the configuration that a process has read last could be used; the start counts.
final class ReloadOutcome: Sendable {
    private let last = Mutex((isDone: true, at: SystemLogClock.wall))

    func note(isDone: Bool) { last.withLock { $0 = (isDone, SystemLogClock.wall) } }

    var families: [MetricFamily] {
        let last = last.withLock(\.self)
        return [
            MetricFamily(
                "backhaul_config_reload_successful", "Whether the configuration that was read last can be used (1).",
                .gauge, [MetricFamily.Sample(last.isDone ? 1 : 0)]),
            MetricFamily(
                "backhaul_config_reload_timestamp_seconds", "When the configuration was read last.", .gauge,
                [MetricFamily.Sample(Double(last.at.milliseconds / 1_000))]),
        ]
    }
}
