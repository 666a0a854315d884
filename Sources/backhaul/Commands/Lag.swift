import ArgumentParser
import BackhaulAudit
import BackhaulDomain
import BackhaulEmbedded
import BackhaulLog
import BackhaulRecords
import BackhaulSettings
import BackhaulUnits
import Foundation

/// Shows the outstanding work.
struct Lag: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show outstanding work: records neither behind a group's frontier nor finished beyond it.")

    @OptionGroup var log: LogOptions

    func run() async throws {
        let settings = try log.settings()
        let opened = try await log.address(settings).open(settings, creates: false)
        let unsigned = (opened as? SignedLog)?.base ?? opened
        let clock = (unsigned as? EmbeddedLog)?.clock ?? SystemLogClock()
        var meter = OutstandingMeter(opened, layout: settings.layout)
        let lines = try await meter.measure(at: clock.now)
        await opened.close()
        if log.output == .json {
            for line in lines { try Output.json(line) }
            return
        }
        Output.table(
            [["GROUP", "TOPIC", "OUTSTANDING", "RECORD BYTES", "FILES", "OLDEST"]]
                + lines.map {
                    [
                        $0.group, $0.topic, "\($0.outstanding)", "\($0.size)", SizeText.format($0.fileSize),
                        $0.outstanding == 0 ? "-" : "\($0.oldestAge.components.seconds) s",
                    ]
                })
    }
}
