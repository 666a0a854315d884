import BackhaulAudit
import BackhaulDomain
import BackhaulLog
import BackhaulTelemetry
import BackhaulUnits
import Logging
import Synchronization

/// The outstanding work as metrics. Measuring takes at most a tenth of the time: with a large backlog the figures get
/// older, and the log does not get slower.
final class OutstandingGauges: Sendable {
    private struct Measure {
        var works: [OutstandingWork] = []
        var at: Timestamp?
    }

    private let log: any MessageLog
    private let layout: TopicLayout
    private let clock: any LogClock
    private let logger: Logger
    private let last = Mutex(Measure())

    /// The least time between two measurements.
    private static let interval = Duration.seconds(15)

    init(_ log: any MessageLog, layout: TopicLayout, clock: any LogClock, logger: Logger) {
        self.log = log
        self.layout = layout
        self.clock = clock
        self.logger = logger
    }

    /// Measures until cancelled.
    func run() async throws {
        var meter = OutstandingMeter(log, layout: layout)
        while true {
            let start = clock.now
            do {
                let works = try await meter.measure(at: start)
                last.withLock { $0 = Measure(works: works, at: clock.now) }
            } catch let error as LogError {
                if case .closed = error { return }
                logger.warning("the outstanding work was not measured", metadata: ["error": "\(error)"])
            }
            try await clock.sleep(until: clock.now + max(Self.interval, (clock.now - start) * 9))
        }
    }

    /// The last measurement; empty before the first.
    var families: [MetricFamily] {
        let measure = last.withLock { $0 }
        guard let at = measure.at else { return [] }
        func gauge(_ name: String, _ help: String, _ value: (OutstandingWork) -> Double) -> MetricFamily {
            MetricFamily(
                name, help, .gauge,
                measure.works.map {
                    MetricFamily.Sample(value($0), [.init("group", $0.group), .init("topic", $0.topic)])
                })
        }
        return [
            gauge(
                "backhaul_outstanding_records",
                "Records that a group has not finished: neither behind its frontier nor finished beyond it."
            ) { Double($0.outstanding) },
            gauge("backhaul_outstanding_record_bytes", "Bytes of the records that a group has not finished.") {
                Double($0.size.bytes)
            },
            gauge("backhaul_outstanding_file_bytes", "Bytes of the files that unfinished tasks name.") {
                Double($0.fileSize.bytes)
            },
            gauge(
                "backhaul_oldest_outstanding_age_seconds", "How long ago the oldest unfinished record was appended."
            ) { Double($0.oldestAge.components.seconds) },
            MetricFamily(
                "backhaul_outstanding_measured_timestamp_seconds", "When the outstanding work was last measured.",
                .gauge,
                [MetricFamily.Sample(Double(at.milliseconds / 1_000))]),
        ]
    }
}
