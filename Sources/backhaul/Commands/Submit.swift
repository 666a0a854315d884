import ArgumentParser
import BackhaulDomain
import BackhaulEmbedded
import BackhaulFiles
import BackhaulIngest
import BackhaulLog
import BackhaulRecords
import BackhaulSettings
import BackhaulUnits
import BackhaulView
import Foundation

/// Submits files.
struct Submit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Submit files and folders for upload.",
        discussion: """
            The object's key is the file's path below the named folder, or the file's name. Submitting the same files \
            again accepts those that have changed, and those whose last upload failed, expired or was cancelled. Works \
            whether the daemon is running, stopped or crashing.

            Exits 0 when everything that was named is accepted, under way or stored, and 1 when something was left out. \
            Folders below what is named that hold the log or the destination's files are left out, and said.

            Patterns are those of .gitignore, relative to the folder that is named: '*.tmp' and 'cache/' match at any \
            depth, '/cache' and 'a/*.log' from the folder, '**' any number of folders, and '!' takes back what an \
            earlier pattern says. One that matches nothing is said.

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

    @OptionGroup var patterns: PatternOptions

    @Flag(help: "Read paths from standard input, one per line; their keys are relative to the current folder.")
    var fromStdin = false

    @Flag(name: [.customShort("0"), .customLong("null")], help: "Paths on standard input end with NUL, not newline.")
    var null = false

    @Option(help: ArgumentHelp("Start no attempt later than this from now.", valueName: "duration"))
    var deadline: String?

    @Flag(help: "Wait until every task has its result; exit 1 unless all succeeded.")
    var wait = false

    @Option(help: ArgumentHelp("With --wait: stop waiting after this long, with exit code 75.", valueName: "duration"))
    var timeout: String?

    @Option(help: "What to do with files whose last upload failed, expired or was cancelled: skip, retry, fail.")
    var known = KnownPolicy.retry

    @Flag(help: "Submit stored files again, too.")
    var again = false

    @Flag(name: .shortAndLong, help: "Say for each file what became of it.")
    var verbose = false

    @OptionGroup var view: ViewOptions

    private var log: LogOptions { view.log }

    func validate() throws {
        guard fromStdin != !paths.isEmpty else { throw ValidationError("name files or folders, or give --from-stdin") }
        guard !null || fromStdin else { throw ValidationError("--null needs --from-stdin") }
        guard timeout == nil || wait else { throw ValidationError("--timeout needs --wait") }
    }

    func run() async throws {
        let settings = try log.settings()
        let target = try DestinationArgument.target(to, settings)
        let batch = batch ?? Self.newBatch()
        do {
            try TaskRules.checkTenant(tenant)
            try TaskRules.checkBatch(batch)
            try Submission.check(prefix: prefix)
        } catch {
            throw CommandError(error.message, exit: .usage)
        }
        let limit = try DurationArgument.parse(deadline, "--deadline").map { SystemLogClock.wall + $0 }
        let patience = try DurationArgument.parse(timeout, "--timeout")
        let address = try log.address(settings)
        if address.folder == nil, settings.roots.isEmpty {
            throw CommandError(
                "a fleet's workers read files below sources.roots, but the configuration names no roots; give --config "
                    + "with the roots that the workers use", exit: .usage)
        }
        let source = try view.source(settings)
        let opened = try await address.open(settings, creates: true)
        let answers = CommandView(source, log: opened, address: address, settings: settings)
        let (isVerbose, format) = (verbose, log.output)
        let memory: (asksFirst: Bool, known: ([TaskIdentity]) async throws -> [TaskIdentity: KnownTask])
        do {
            memory = try await Self.memory(answers, opened, source)
        } catch {
            await answers.close()
            await opened.close()
            throw error
        }
        let submission = Submission(
            log: opened, folder: address.folder, settings: settings, tenant: tenant, batch: batch, target: target,
            prefix: prefix,
            filter: try patterns.filter(), deadline: limit, waits: wait, policy: known,
            sendsAgain: again, asksFirst: memory.asksFirst, goesOnAlone: source == .found,
            known: memory.known,
            report: { key, word, storedAt in
                guard isVerbose else { return }
                let time = storedAt.map(TimeText.format)
                if format == .json {
                    try? Output.json(["key": key.text, "status": word, "storedAt": time].compactMapValues(\.self))
                } else {
                    Output.line("\(word)\(time.map { " \($0)" } ?? "")  \(key)")
                }
            })
        // Before the first task: whatever ends the command, its batch is known.
        Stderr.say("batch \(batch)")
        do {
            let starts = wait ? try await submission.resultEnds() : [:]
            try await submission.submit(
                fromStdin ? .list(separator: null ? 0 : UInt8(ascii: "\n")) : .paths(paths), to: to, settings)
            // Not on Kafka, where a view would have to be built first.
            if address.folder != nil { await submission.findSharedKeys { try await answers.own() } }
            try await report(submission, batch)
            if wait {
                let end = patience.map { ContinuousClock.now + $0 }
                try await waitForResults(submission, batch, starts, until: end, address)
            }
        } catch {
            let accepted = await submission.summary.accepted
            if !(error is ProcessExit), accepted > 0 {
                Stderr.say(
                    "\(accepted) files were accepted before the error below; the same command goes on with the rest")
            }
            await answers.close()
            await opened.close()
            throw error
        }
        await answers.close()
        await opened.close()
        if await submission.summary.rejectedCount > 0 { throw ProcessExit.failed }
    }

    /// Who says what has become of files that the log has, and whether to ask before they are accepted.
    private static func memory(
        _ view: CommandView, _ log: any MessageLog, _ source: ViewSource
    ) async throws -> (asksFirst: Bool, known: ([TaskIdentity]) async throws -> [TaskIdentity: KnownTask]) {
        if log.abilities.contains(.refusesKnownIdentity) {
            return (false, { try await view.own().known($0) })
        }
        guard let fleet = try await view.fleet() else {
            Stderr.say(
                "no acknowledger's API answers: files that were submitted before are accepted again; give --api URL, or "
                    + "run an acknowledger with --data")
            // Only what was cancelled meanwhile is asked for.
            return (false, { try await view.own().known($0) })
        }
        return (true, { try await fleet.known($0) })
    }

    /// A name of its own for each run: two may begin in one second.
    static func newBatch() -> ByteText {
        let time = TimeText.format(SystemLogClock.wall).prefix(19).filter { $0 != "-" && $0 != ":" }
        return ByteText("batch-\(time)-\(String(UInt16.random(in: 0x1000...0xffff), radix: 16))")
    }

    private func report(_ submission: Submission, _ batch: ByteText) async throws {
        let summary = await submission.summary
        summary.sayUnmatched()
        if log.output == .json {
            try Output.json(summary)
            return
        }
        let before = summary.againAfter.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
        let again =
            summary.again > 0 ? ", \(summary.again) of them again (before: \(before.joined(separator: ", ")))" : ""
        let parts = [
            (summary.stored, "stored"), (summary.underWay, "under way"), (summary.failed, "failed"),
            (summary.expired, "expired"), (summary.cancelled, "cancelled"), (summary.forgotten, "forgotten"),
        ].filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }
        let known = parts.isEmpty ? "" : ": " + parts.joined(separator: ", ")
        Output.line(
            "batch \(batch): \(summary.accepted) accepted (\(SizeText.format(summary.size)))\(again), "
                + "\(summary.known) known already\(known)")
        summary.sayLeftOut()
    }

    private func waitForResults(
        _ submission: Submission, _ batch: ByteText, _ starts: [TopicPartition: Int64],
        until end: ContinuousClock.Instant?, _ address: LogAddress
    ) async throws {
        // nil before the first look.
        var isServed: Bool?
        let waited = try await submission.waitForResults(from: starts, until: end) {
            guard let folder = address.folder else { return }
            let hasDaemon = FolderLock.isHeld(folder: folder)
            let start = "start 'backhaul standalone --data \(folder)'"
            switch (isServed, hasDaemon) {
            case (nil, false): Stderr.say("waiting for results, but no daemon runs on this log; \(start)")
            case (true, false): Stderr.say("the daemon of this log has ended; waiting until one runs again: \(start)")
            case (false, true): Stderr.say("a daemon runs on this log again")
            default: break
            }
            isServed = hasDaemon
        } _: { done, total in
            ProgressBar.bar(done, of: total)
        }
        let (results, status) = (log.hint("results"), log.hint("status"))
        switch waited {
        case .allEnded(0): return
        case .allEnded(let failed):
            Stderr.say(
                "\(failed) \(failed == 1 ? "task" : "tasks") did not succeed; '\(results) --batch \(batch)' "
                    + "shows why")
            throw ProcessExit.failed
        case .timeIsUp(let unfinished):
            Stderr.say(
                "\(unfinished) \(unfinished == 1 ? "task has" : "tasks have") no result yet; "
                    + "'\(status) --batch \(batch)' shows where they are")
            throw ProcessExit.temporary
        }
    }
}
