import ArgumentParser
import BackhaulAudit
import BackhaulDestinations
import BackhaulDomain
import BackhaulEmbedded
import BackhaulFiles
import BackhaulLog
import BackhaulRecords
import BackhaulReplay
import BackhaulSettings
import BackhaulTransfer
import BackhaulUnits
import BackhaulView
import Foundation
import Synchronization

/// Proves that nothing is lost or duplicated.
struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "Prove that every accepted task has exactly one result, or is in progress.",
        discussion: """
            Exits 0 when every accepted task has its result and every object that was to be read is right; 1 when that \
            is proven of what has ended and could be seen, and the rest is counted; 3 when something is lost, damaged, \
            overwritten or repeated; 75 when no object could be read.

            With --repair, what is gone or damaged at its destination is sent again, from its source. --report writes \
            what was found, when and on what, to a file; --metrics writes its end and its counts for Prometheus (the \
            textfile collector of node_exporter).

            Examples:
              backhaul audit --verify --log embedded:///srv/backhaul
              backhaul audit --verify --sample 1% --report audit.txt --log embedded:///srv/backhaul
              backhaul audit --batch holidays --log embedded:///srv/backhaul
              backhaul audit --verify --repair --log embedded:///srv/backhaul
            """)

    @Flag(help: "Also read every stored object back and compare its SHA-256.")
    var verify = false

    @Flag(help: "With --verify: send again what is gone or damaged.")
    var repair = false

    @Option(help: ArgumentHelp("Only the tasks of this batch.", valueName: "batch"))
    var batch: String?

    @Option(
        help: ArgumentHelp(
            "With --verify: read only this share of the objects, chosen at random, at least one.",
            valueName: "percent"))
    var sample: String?

    @Option(help: ArgumentHelp("Also write a report to this file.", valueName: "file"))
    var report: String?

    @Option(help: ArgumentHelp("Also write metrics to this file, in Prometheus' text format.", valueName: "file"))
    var metrics: String?

    @Flag(help: "Exit 0, too, when what has ended is proven and the rest is in progress: for a nightly audit.")
    var acceptUnfinished = false

    @OptionGroup var log: LogOptions

    func validate() throws {
        guard verify || !repair else { throw ValidationError("--repair needs --verify") }
        guard verify || sample == nil else { throw ValidationError("--sample needs --verify") }
        _ = try share()
    }

    /// The share of `--sample`.
    private func share() throws -> Ratio? {
        guard let sample else { return nil }
        guard sample.hasSuffix("%"), let percent = Double(sample.dropLast()), percent > 0, percent <= 100 else {
            throw ValidationError("--sample \(sample): give a percentage above 0, such as 1% or 0.1%")
        }
        return Ratio(clamping: percent / 100)
    }

    func run() async throws {
        // One that is killed leaves the metrics of the audit before, which get old.
        let file = try metrics.map { try ReportFile($0, option: "--metrics", isPublic: true) }
        do {
            let (found, exit) = try await audit()
            try file.map { try AuditMetrics(exit, found).write(to: $0) }
            if let exit { throw exit }
        } catch {
            if !(error is ProcessExit) { try? file.map { try AuditMetrics(ProcessExit(of: error)).write(to: $0) } }
            throw error
        }
    }

    /// - Returns: what was found, and how the command ends.
    private func audit() async throws -> (AuditReport, ProcessExit?) {
        let settings = try log.settings(needs: verify ? .destinations : [])
        let address = try log.address(settings)
        let scope = AuditScope(batch: batch.map { ByteText($0) }, sample: try share())
        // Before hours of work whose report would be lost.
        let file = try report.map { try ReportFile($0) }
        let began = SystemLogClock.wall
        let opened = try await Self.reportingDamage { try await address.open(settings, creates: false) }
        let found: Found
        do {
            found = try await Self.examine(opened, settings, scope, verify: verify, repairs: repair)
            if repair, found.lost > 0 {
                let again = try await Self.repair(found, opened, settings, address)
                Stderr.say("\(again) of \(found.lost) are sent again; '\(log.hint("status"))' shows them")
            }
        } catch {
            await opened.close()
            file?.discard()
            throw error
        }
        await opened.close()
        let text = AuditText(report: found.report, database: found.database)
        if log.output == .json { try text.printJSON() } else { try text.lines { Output.line($0) } }
        let exit = acceptUnfinished && found.report.isProvenSoFar ? nil : found.report.verdict.exit
        if let file {
            var head = [
                "Backhaul audit", "", "program:  backhaul \(Version.text)", "log:      \(address.description)",
                "by:       \(CommandUser.name)", "began:    \(began)", "ended:    \(SystemLogClock.wall)",
                "tasks:    \(batch.map { "of batch \($0)" } ?? "all")",
            ]
            head.append(
                "objects:  \(verify ? sample.map { "a sample of \($0), read back" } ?? "all, read back" : "not read")")
            try file.write { line in
                for text in head + [""] { try line(text) }
                try text.lines(line)
                try line("exit code: \(exit?.rawValue ?? 0)")
            }
        }
        return (found.report, exit)
    }

    /// What an audit has found.
    struct Found {
        var report: AuditReport
        var database: AuditDatabase
        /// Objects that are gone or damaged; the database has them.
        var lost = 0
    }

    /// Audits a log, and records what is lost.
    /// - Parameter verify: whether to read the objects back, too.
    /// - Throws: `CommandError` for damaged records, which are loss, and for a batch without tasks.
    static func examine(
        _ opened: any MessageLog, _ settings: Settings, _ scope: AuditScope = AuditScope(), verify: Bool,
        repairs: Bool = false
    ) async throws -> Found {
        let database = try AuditDatabase()
        var found = Found(report: AuditReport(), database: database)
        let bar = Mutex(ProgressBar())
        defer { bar.withLock { $0.clear() } }
        let progress: @Sendable (AuditProgress) -> Void = { progress in
            bar.withLock { bar in
                let what = progress.stage == .records ? "reading the log" : "reading objects"
                bar.show("\(what) \(ProgressBar.bar(Int(progress.done), of: Int(progress.total)))")
            }
        }
        found.report = try await reportingDamage {
            try await Audit(
                log: opened, layout: settings.layout, database: database, scope: scope, progress: progress
            ).run()
        }
        if let batch = scope.batch, found.report.accepted == 0, found.report.results == 0 {
            try NameCheck.batch(batch, among: try database.batches())
        }
        guard verify else { return found }
        let pool = ReaderPool()
        let engine = try TransferEngine(
            limits: settings.transfers, egress: settings.egress(isLocal: true), pool: pool)
        do {
            try await ObjectAudit(
                log: opened, layout: settings.layout, database: database, scope: scope,
                destinations: settings.destinationTable,
                runner: DialectRunner(engine: engine, pool: pool) { SystemLogClock().wall },
                progress: progress
            ).run(&found.report)
        } catch {
            await engine.close()
            throw error
        }
        await engine.close()
        bar.withLock { $0.clear() }
        found.lost = found.report.count(.gone) + found.report.count(.corrupted)
        await record(found, opened, settings, hint: repairs ? "" : ": submit their files again, or give --repair")
        return found
    }

    /// Submits the next generation of tasks that are lost, from the records that the view knows.
    /// - Returns: how many; the others' records are not kept any more.
    private static func repair(
        _ found: Found, _ opened: any MessageLog, _ settings: Settings, _ address: LogAddress
    ) async throws -> Int {
        let act = await CommandAct(.replay, settings, opened, detail: "what an audit found lost")
        let answers = CommandView(try ViewSource(default: address), log: opened, address: address, settings: settings)
        var again = 0
        do {
            let replay = settings.replay(opened)
            let view = try await answers.caughtUp()
            try await found.database.eachLost { part in
                let known = try await view.known(part.map(\.task.identity))
                var requests: [AppendRequest] = []
                for task in part.map(\.task) {
                    // A later generation is under way already.
                    guard let last = known[task.identity], last.generation == task.generation else { continue }
                    if let next = try await replay.nextRequest(task, at: last.position) { requests.append(next) }
                }
                if !requests.isEmpty { _ = try await opened.append(requests) }
                again += requests.count
            }
        } catch {
            await act.fail(error)
            await answers.close()
            throw error
        }
        await answers.close()
        await act.end(
            again == found.lost ? .done : .partly, tasks: found.lost,
            counts: ["accepted": again, "gone": found.lost - again])
        return again
    }

    /// Records what is lost: from now on these tasks count as failed, so that their files can be submitted again.
    private static func record(
        _ found: Found, _ opened: any MessageLog, _ settings: Settings, hint: String
    ) async {
        guard found.lost > 0 else { return }
        let time = SystemLogClock.wall
        let count = "\(found.lost) \(found.lost == 1 ? "task" : "tasks")"
        do {
            try await found.database.eachLost { part in
                _ = try await opened.append(
                    part.map { try OutcomeRecord.request($0.outcome(at: time), settings.layout, trace: nil) })
            }
            Stderr.say("\(count) whose objects are gone or damaged now count as failed\(hint)")
        } catch {
            Stderr.say("\(count) whose objects are gone or damaged still count as stored: \(Explanation.of(error))")
        }
    }
}

extension AuditDatabase {
    /// Calls `each` with the lost objects, 500 at a time.
    fileprivate func eachLost(_ each: ([LostObject]) async throws -> Void) async throws {
        var last: Int64 = 0
        while true {
            let part = try lost(after: last, limit: 500)
            guard !part.objects.isEmpty else { return }
            last = part.last
            try await each(part.objects)
        }
    }
}

extension AuditCommand {
    /// Missing records are loss, no matter which records they were.
    private static func reportingDamage<Value>(_ work: () async throws -> Value) async throws -> Value {
        do { return try await work() } catch let error as LogError {
            guard case .damaged = error else { throw error }
            throw CommandError("\(error)", exit: .auditFoundLoss)
        }
    }
}

extension AuditReport.Verdict {
    /// How a command ends; nil when everything is proven.
    fileprivate var exit: ProcessExit? {
        switch self {
        case .proven: nil
        case .partly: .failed
        case .notLooked: .temporary
        case .loss: .auditFoundLoss
        }
    }
}
