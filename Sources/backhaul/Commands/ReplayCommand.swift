import ArgumentParser
import BackhaulEmbedded
import BackhaulLog
import BackhaulRecords
import BackhaulReplay
import BackhaulSettings
import BackhaulUnits
import Foundation

/// Submits dead letters again.
struct ReplayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay", abstract: "Submit dead letters again, as their tasks' next generation.",
        discussion: """
            Without --yes it only counts. A letter whose next generation exists is skipped, so a second replay does nothing.

            Example: backhaul replay --batch trip --failure permanent --yes --log embedded:///srv/backhaul
            """)

    @OptionGroup var which: FilterOptions

    @Flag(help: "Replay them; without this it is a dry run.")
    var yes = false

    @Option(help: ArgumentHelp("At most this many tasks per second (default: no limit).", valueName: "tasks"))
    var rate: Double?

    @OptionGroup var log: LogOptions

    private struct Answer: Encodable {
        var selected: Int
        var replayed: Int
        var skipped: Int
        var malformed: Int
        var bytes: UInt64
        var dryRun: Bool
    }

    func validate() throws {
        guard rate.map({ $0 > 0 && $0.isFinite }) ?? true else {
            throw ValidationError("--rate takes a number above 0")
        }
    }

    func run() async throws {
        try which.check()
        let settings = try log.settings()
        let address = try log.address(settings)
        let opened = try await address.open(settings, creates: false)
        let summary: Replay.Summary
        do {
            summary = try await run(settings, opened)
            if summary.selected + summary.skipped + summary.malformed == 0 {
                try await which.checkBatch(opened, address, settings)
            }
        } catch {
            await opened.close()
            throw error
        }
        await opened.close()
        if log.output == .json {
            return try Output.json(
                Answer(
                    selected: summary.selected, replayed: summary.replayed, skipped: summary.skipped,
                    malformed: summary.malformed, bytes: summary.size.bytes, dryRun: !yes))
        }
        let what = "\(summary.selected) tasks (\(SizeText.format(summary.size)))"
        Output.line(yes ? "replayed \(summary.replayed) of \(what)" : "would replay \(what); give --yes to replay them")
        if summary.skipped > 0 { Output.line("\(summary.skipped) were replayed before") }
        if summary.malformed > 0 {
            Output.line("\(summary.malformed) letters hold no task that can be replayed, and stay")
        }
    }

    private func run(_ settings: Settings, _ opened: any MessageLog) async throws -> Replay.Summary {
        let replay = settings.replay(opened)
        guard yes else { return try await replay.run(which.filter, appends: false, rate: rate) }
        // Between a letter and its next generation, which is still to come, a replay would append that once more.
        let open = try await MigrationRecord.all(opened, settings.layout).values.first { $0.finishedAt == nil }
        if let open {
            throw CommandError("the log of \(open.origin) is moving here: replay when 'backhaul migrate' has ended")
        }
        let act = await CommandAct(
            .replay, settings, opened, tenant: which.tenant, batch: which.batch, detail: which.description)
        do {
            let summary = try await replay.run(which.filter, appends: true, rate: rate)
            await act.end(
                .done, tasks: summary.selected,
                counts: [
                    "accepted": summary.replayed, "known": summary.skipped, "malformed": summary.malformed,
                ])
            return summary
        } catch {
            await act.fail(error)
            throw error
        }
    }
}
