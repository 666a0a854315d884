import ArgumentParser
import BackhaulDomain
import BackhaulLog
import BackhaulUnits
import BackhaulView
import BackhaulWeb
import Foundation

/// Shows a running system, again and again.
struct WatchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch", abstract: "Show what is uploaded, how fast, and what waits for what, until interrupted.",
        discussion: """
            On a terminal the picture is redrawn; elsewhere each one is a line. It is taken at most once a second, and \
            less often where that would take more than one percent of a core.

            Examples:
              backhaul watch --log embedded:///srv/backhaul
              backhaul watch --batch trip --for 1m --output json --log embedded:///srv/backhaul
            """)

    @Option(help: "Only this batch.")
    var batch: ByteText?

    @Option(help: "Only this tenant.")
    var tenant: ByteText?

    @Option(name: .customLong("for"), help: ArgumentHelp("End after this long.", valueName: "duration"))
    var span: String?

    @OptionGroup var view: ViewOptions

    /// One picture.
    struct Sample {
        var at: ContinuousClock.Instant
        var counts: StatusCounts
        var storedSize: ByteCount
        var reasons: [WaitReason]
        var inFlight: [TaskStatus]
    }

    private struct Line: Encodable {
        var time: String
        var counts: StatusCounts
        var storedBytes: ByteCount
        var tasksPerSecond: Double
        var bytesPerSecond: Double
        var reasons: [ReasonDocument]
        /// The oldest of them.
        var inFlight: [StatusDocument]
    }

    func run() async throws {
        let end = try DurationArgument.parse(span, "--for").map { ContinuousClock.now + $0 }
        try await view.viewing { view, _, address in
            try await NameCheck.batch(batch, view)
            address?.warnWithoutDaemon()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    for await _ in SignalStream.make() { return }
                }
                group.addTask { try await show(view, until: end) }
                try await group.next()
                group.cancelAll()
                do {
                    try await group.waitForAll()
                } catch is CancellationError {}
            }
        }
        Output.flush()
    }

    private func show(_ reader: any ViewReader, until end: ContinuousClock.Instant?) async throws {
        var screen = WatchScreen(isTerminal: Output.isTerminal && view.output == .text)
        var last: Sample?
        while true {
            let begun = ContinuousClock.now
            let work = ProcessTime.used
            let overview: Overview
            do {
                try await reader.catchUp()
                overview = try await reader.overview(batch: batch, tenant: tenant, uploads: 8)
            } catch let error as CommandError where error.exit == .temporary && last != nil {
                // An acknowledger that is restarted does not end the watch.
                Stderr.say("\(error)")
                if let end, ContinuousClock.now >= end { return }
                try await ContinuousClock().sleep(for: .seconds(2))
                continue
            }
            let sample = Sample(
                at: begun, counts: overview.counts, storedSize: overview.storedSize, reasons: overview.reasons,
                inFlight: overview.uploads)
            let rate = WatchRate(from: last, to: sample)
            if view.output == .json {
                try Output.json(
                    Line(
                        time: TimeText.format(SystemLogClock.wall), counts: sample.counts,
                        storedBytes: sample.storedSize, tasksPerSecond: rate.tasks, bytesPerSecond: rate.bytes,
                        reasons: sample.reasons.map(ReasonDocument.init),
                        inFlight: sample.inFlight.map { StatusDocument($0) }))
                Output.flush()
            } else {
                screen.show(sample, rate, now: SystemLogClock.wall)
            }
            last = sample
            // The last picture is that of the end.
            if let end, ContinuousClock.now >= end { return }
            // At most one percent of a core here, and a twentieth of one where the view is, whatever that costs.
            let next = begun + max(.seconds(1), (ProcessTime.used - work) * 100, (ContinuousClock.now - begun) * 20)
            try await ContinuousClock().sleep(until: end.map { min($0, next) } ?? next)
        }
    }
}
