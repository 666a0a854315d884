import ArgumentParser
import BackhaulDestinations
import BackhaulDomain
import BackhaulEmbedded
import BackhaulFiles
import BackhaulIngest
import BackhaulLog
import BackhaulRecords
import BackhaulSettings
import BackhaulUnits
import Foundation

/// Submits files.
struct Submit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Submit files and folders for upload.",
        discussion: """
            The object's key is the file's path below the named folder, or the file's name. Submitting the same files \
            again accepts only those that have changed. Works whether the daemon is running, stopped or crashing.

            Examples:
              backhaul submit ~/Photos --to http://nas.local/backup/ --log embedded:///srv/backhaul
              find . -name '*.jpg' | backhaul submit --from-stdin --to nas --log embedded:///srv/backhaul --config b.yaml
            """)

    @Argument(help: "Files, folders, or quoted shell patterns.")
    var paths: [String] = []

    @Option(help: ArgumentHelp("A configured destination's name, or a base URL.", valueName: "destination"))
    var to: String

    @Option(help: "The tenant that owns the tasks.")
    var tenant: ByteText = "default"

    @Option(help: "Groups tasks for progress and replay (default: a name made from the time).")
    var batch: ByteText?

    @Option(help: "A prefix for every key.")
    var prefix = ""

    @Option(help: "Submit only files whose path or name matches; may be repeated.")
    var include: [String] = []

    @Option(help: "Skip files and folders whose path or name matches; may be repeated.")
    var exclude: [String] = []

    @Flag(help: "Read paths from standard input, one per line; their keys are relative to the current folder.")
    var fromStdin = false

    @Flag(name: [.customShort("0"), .customLong("null")], help: "Paths on standard input end with NUL, not newline.")
    var null = false

    @Option(help: ArgumentHelp("Start no attempt later than this from now.", valueName: "duration"))
    var deadline: String?

    @Flag(help: "Wait until every task has its result; exit 1 unless all succeeded.")
    var wait = false

    @OptionGroup var log: LogOptions

    func validate() throws {
        guard fromStdin != !paths.isEmpty else { throw ValidationError("name files or folders, or give --from-stdin") }
        guard !null || fromStdin else { throw ValidationError("--null needs --from-stdin") }
    }

    func run() async throws {
        let settings = try log.common.settings()
        let target = try DestinationArgument.target(to, settings)
        let batch = batch ?? ByteText("batch-\(SystemLogClock.wall.milliseconds / 1_000)")
        do {
            try TaskRules.checkTenant(tenant)
            try TaskRules.checkBatch(batch)
        } catch {
            throw CommandError(error.message, exit: .usage)
        }
        var limit: Timestamp?
        if let deadline {
            guard let duration = DurationText.parse(deadline) else {
                throw CommandError("--deadline \(deadline): give a duration such as 30m or 2d", exit: .usage)
            }
            limit = SystemLogClock.wall + duration
        }
        let address = try log.address()
        if address.folder == nil, settings.roots.isEmpty {
            throw CommandError(
                "a fleet's workers read files below sources.roots, but the configuration names no roots; give --config "
                    + "with the roots that the workers use", exit: .usage)
        }
        let opened = try await address.open(settings, creates: true)
        let submission = Submission(
            log: opened, folder: address.folder, settings: settings, tenant: tenant, batch: batch, target: target,
            prefix: prefix,
            filter: FileWalk.Filter(include: include, exclude: exclude), deadline: limit, waits: wait)
        do {
            let starts = wait ? try await submission.resultEnds() : [:]
            try await submit(submission, settings, opened, batch)
            try await report(submission, batch)
            if wait { try await waitForResults(submission, opened, starts, address) }
        } catch {
            await opened.close()
            throw error
        }
        await opened.close()
    }

    private func submit(
        _ submission: Submission, _ settings: Settings, _ opened: any MessageLog, _ batch: ByteText
    ) async throws {
        let act = await CommandAct(.submit, settings, opened, tenant: tenant, batch: batch, detail: "to \(to)")
        do {
            if fromStdin {
                try await submission.submit(listFrom: FileHandle.standardInput, separator: null ? 0 : 10)
            } else {
                for path in paths { try await submission.submit(path) }
            }
            try await submission.finish()
        } catch {
            await act.fail(error)
            throw error
        }
        await end(act, await submission.summary)
    }

    private func end(_ act: CommandAct, _ summary: Submission.Summary) async {
        let taken = summary.accepted + summary.known
        await act.end(
            summary.rejectedCount == 0 ? .done : taken == 0 ? .refused : .partly,
            tasks: taken + summary.rejectedCount,
            counts: ["accepted": summary.accepted, "known": summary.known, "rejected": summary.rejectedCount])
    }

    private func report(_ submission: Submission, _ batch: ByteText) async throws {
        let summary = await submission.summary
        if log.output == .json {
            try Output.json(summary)
            return
        }
        print(
            "batch \(batch): \(summary.accepted) accepted (\(SizeText.format(summary.size))), \(summary.known) known already"
        )
        for rejection in summary.rejected {
            Stderr.say("not submitted: \(rejection.path): \(rejection.message) (\(rejection.code))")
        }
        if summary.rejectedCount > summary.rejected.count {
            Stderr.say("and \(summary.rejectedCount - summary.rejected.count) more were not submitted")
        }
    }

    private func waitForResults(
        _ submission: Submission, _ opened: any MessageLog, _ starts: [TopicPartition: Int64], _ address: LogAddress
    ) async throws {
        if let folder = address.folder, !FolderLock.isHeld(folder: folder) {
            Stderr.say(
                "waiting for results, but no daemon runs on this log; start 'backhaul standalone --data \(folder)'")
        }
        let failed = try await submission.waitForResults(from: starts) { done, total in
            ProgressBar.bar(done, of: total)
        }
        if failed > 0 {
            Stderr.say("\(failed) tasks did not succeed; 'backhaul results --batch NAME' shows why")
            throw ProcessExit.failed
        }
    }
}
