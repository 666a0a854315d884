import BackhaulDomain
import BackhaulLog
import BackhaulTelemetry
import BackhaulUnits
import BackhaulView
import Synchronization

/// How tasks stand, as metrics. To count them takes at most a twentieth of the time.
final class ViewGauges: Sendable {
    private struct Measure {
        var overview: Overview
        var at: Timestamp
    }

    private let view: StatusView
    private let names: Set<ByteText>
    private let last = Mutex<Measure?>(nil)

    private static let interval = Duration.seconds(15)

    /// - Parameter names: of the configured destinations; the number of others is not bounded.
    init(_ view: StatusView, names: Set<ByteText>) {
        self.view = view
        self.names = names
    }

    /// Counts until cancelled.
    func run() async throws {
        while true {
            let start = ContinuousClock.now
            // A view that cannot be read says so itself.
            if let overview = try? await view.overview(batch: nil, tenant: nil, uploads: 0) {
                last.withLock { $0 = Measure(overview: overview, at: SystemLogClock.wall) }
            }
            try await ContinuousClock().sleep(for: max(Self.interval, (ContinuousClock.now - start) * 19))
        }
    }

    private struct Group: Hashable {
        var reason: String
        var destination: String
    }

    var families: [MetricFamily] {
        let usable = MetricFamily(
            "backhaul_view_usable", "Whether the view follows the log (1).", .gauge,
            [MetricFamily.Sample(view.obstacle == nil ? 1 : 0)])
        guard let measure = last.withLock(\.self) else { return [usable] }
        let counts = measure.overview.counts
        let states = [
            ("waiting", counts.waiting), ("running", counts.running), ("retrying", counts.retrying),
            ("succeeded", counts.succeeded), ("failed", counts.failed), ("cancelled", counts.cancelled),
            ("expired", counts.expired),
        ]
        var tasks: [Group: (count: Int, oldest: Timestamp)] = [:]
        for reason in measure.overview.reasons {
            let group = Group(
                reason: reason.kind.rawValue,
                destination: names.contains(reason.destination) ? reason.destination.text : "url")
            let known = tasks[group] ?? (0, reason.oldestAcceptedAt)
            tasks[group] = (
                known.count.addingClamped(reason.tasks), min(known.oldest, reason.oldestAcceptedAt)
            )
        }
        let groups = tasks.sorted { ($0.key.reason, $0.key.destination) < ($1.key.reason, $1.key.destination) }
        func gauge(_ name: String, _ help: String, _ value: ((count: Int, oldest: Timestamp)) -> Double) -> MetricFamily
        {
            MetricFamily(
                name, help, .gauge,
                groups.map {
                    MetricFamily.Sample(
                        value($0.value), [.init("reason", $0.key.reason), .init("destination", $0.key.destination)])
                })
        }
        return [
            usable,
            MetricFamily(
                "backhaul_tasks", "Tasks by state, each at its latest generation.", .gauge,
                states.map { MetricFamily.Sample(Double($0.1), [.init("state", $0.0)]) }),
            gauge("backhaul_unfinished_tasks", "Tasks that have not ended, by what they wait for.") {
                Double($0.count)
            },
            gauge("backhaul_oldest_unfinished_age_seconds", "How long ago the oldest of them was accepted.") {
                max(.zero, measure.at - $0.oldest).inSeconds
            },
            MetricFamily(
                "backhaul_view_lag_records", "Records of the log that the view had not read when it was asked.", .gauge,
                [MetricFamily.Sample(Double(measure.overview.lag))]),
        ]
    }
}
