import ArgumentParser
import BackhaulAudit
import BackhaulDomain
import BackhaulEmbedded
import BackhaulIngest
import BackhaulLog
import BackhaulSettings
import BackhaulTransfer
import BackhaulUnits
import BackhaulView
import Foundation
import Logging
import Synchronization

/// Uploads files and proves it, in one process.
struct UploadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "upload", abstract: "Upload files and folders, wait, and prove that they are stored.",
        discussion: """
            Does in one process what a daemon and 'submit --wait' do: accepts the files in a log, uploads them, tries \
            failed ones again, and checks the log's books at the end. Interrupted, the same command goes on where it \
            was. If a daemon runs on the log, it does the work.

            Example: backhaul upload ~/Photos --to nas
            """)

    @Argument(help: "Files, folders, or quoted shell patterns.")
    var paths: [String]

    @Option(help: ArgumentHelp("A configured destination's name, or a base URL.", valueName: "destination"))
    var to: String

    @Option(help: "A prefix for every key.")
    var prefix = ""

    @OptionGroup var patterns: PatternOptions

    @Option(help: ArgumentHelp("Stop waiting after this long, with exit code 75.", valueName: "duration"))
    var timeout: String?

    @Flag(help: "Also read every object of the log back, and compare its SHA-256.")
    var verify = false

    @OptionGroup var log: LogOptions

    /// What the command prints.
    private struct Report: Encodable {
        var submitted: Submission.Summary
        var failed: Int
        var unfinished: Int
        var seconds: Double
        var audit: AuditReport.Verdict
        var log: String
    }

    /// SIGTERM or SIGINT came.
    private struct Interrupted: Error {}

    func run() async throws {
        let settings = try log.settings(needs: .destinations)
        let target = try DestinationArgument.target(to, settings)
        do {
            try Submission.check(prefix: prefix)
        } catch {
            throw CommandError(error.message, exit: .usage)
        }
        let address = try place(settings)
        let filter = try patterns.filter()
        let end = try DurationArgument.parse(timeout, "--timeout").map { ContinuousClock.now + $0 }
        let batch = Submit.newBatch()
        let work: Work = { opened, view in
            let submission = Submission(
                log: opened, folder: address.folder, settings: settings, tenant: "default", batch: batch,
                target: target, prefix: prefix, filter: filter, deadline: nil, waits: true, policy: .retry,
                sendsAgain: false,
                asksFirst: false,
                known: { identities in
                    try await view.catchUp()
                    return try await view.known(identities)
                }, report: { _, _, _ in })
            return try await upload(submission, opened, settings, view, until: end, address)
        }
        Stderr.say("batch \(batch)")
        let interrupt = Signal()
        let report = try await withThrowingTaskGroup(of: Report?.self) { group in
            group.addTask {
                await Self.listen(interrupt)
                return nil
            }
            group.addTask { try await run(on: address, settings, interrupt, work) }
            defer { group.cancelAll() }
            while let ended = try await group.next() {
                if let ended { return ended }
            }
            throw CancellationError()
        }
        try show(report)
    }

    /// Thrown when the process that did the work has ended before it.
    private struct OwnerEnded: Error {}

    private typealias Work = @Sendable (any MessageLog, StatusView) async throws -> Report

    /// Does the work, or has it done by the process that owns the log, until it is done.
    private func run(
        on address: LogAddress, _ settings: Settings, _ interrupt: Signal, _ work: @escaping Work
    ) async throws -> Report {
        do {
            while true {
                do {
                    guard let folder = address.folder, let owned = try openAsOwner(folder, settings) else {
                        return try await Self.interruptible(interrupt) { try await handOver(address, settings, work) }
                    }
                    return try await own(owned, settings, interrupt, work)
                } catch is OwnerEnded {
                    // The process id of an owner is a hint: one in a container may look gone, and goes on.
                    Stderr.say("the process that ran on this log seems to have ended; looking again")
                    try await ContinuousClock().sleep(for: .seconds(2))
                }
            }
        } catch is Interrupted {
            throw ProcessExit.temporary
        }
    }

    /// Submits, and waits for the process that owns the log.
    private func handOver(_ address: LogAddress, _ settings: Settings, _ work: Work) async throws -> Report {
        let opened = try await address.open(settings, creates: true)
        let lazy = LazyView(log: opened, address: address, settings: settings)
        let result: Result<Report, any Error>
        do {
            result = .success(try await work(opened, try await lazy.caughtUp()))
        } catch {
            result = .failure(error)
        }
        await lazy.close()
        await opened.close()
        return try result.get()
    }

    /// Does the work as the owner of the log.
    private func own(
        _ owned: EmbeddedLog, _ settings: Settings, _ interrupt: Signal, _ work: @escaping Work
    ) async throws -> Report {
        let isInterrupted = Mutex(false)
        let result: Result<Report, any Error>
        do {
            try await owned.ensure(settings.topics)
            let roles = try await EmbeddedRoles(
                log: owned, settings: settings, workers: 1, egress: settings.egress(isLocal: true),
                servesAPI: false, tracer: nil)
            result = .success(
                try await roles.run(isHurried: { isInterrupted.withLock { $0 } }) {
                    do {
                        return try await Self.interruptible(interrupt) { try await work(roles.log, roles.view) }
                    } catch {
                        isInterrupted.withLock { $0 = error is Interrupted }
                        throw error
                    }
                })
        } catch {
            result = .failure(error)
        }
        await owned.close()
        // What root has made there must not keep the service of the folder's owner out.
        DataFolderOwner.adopt(owned.folder)
        return try result.get()
    }

    /// The log that is named, or else the one at the default place.
    private func place(_ settings: Settings) throws -> LogAddress {
        let environment = ProcessInfo.processInfo.environment
        let isNamed = log.log != nil || environment["BACKHAUL_LOG"] != nil || !settings.logURL.isEmpty
        guard !isNamed else { return try log.address(settings) }
        guard let folder = DefaultPlaces(environment: environment).dataFolder else {
            throw CommandError(
                "no folder for the log: set HOME, or give --log embedded:///absolute/folder", exit: .usage)
        }
        return .embedded(folder: folder)
    }

    /// Opens an embedded log as its owner.
    /// - Returns: nil when a daemon owns it.
    private func openAsOwner(_ folder: String, _ settings: Settings) throws -> EmbeddedLog? {
        _ = LogAddress.logging
        try DescriptorBudget.require(transfers: settings.transfersWithFiles, connections: [])
        do {
            return try EmbeddedLog(
                folder: folder, options: settings.embeddedOptions(owns: true), logger: Logger(label: "backhaul.log"))
        } catch LogError.inUse(_, let owner) {
            Stderr.say("\(owner) runs on this log, and does the work")
            return nil
        }
    }

    /// Ends the work at a signal: the work, not the roles that do it, so that these finish and leave in order.
    private static func interruptible(
        _ interrupt: Signal, _ body: @escaping @Sendable () async throws -> Report
    ) async throws -> Report {
        try await withThrowingTaskGroup(of: Report?.self) { group in
            group.addTask { try await body() }
            group.addTask {
                await interrupt.wait()
                return nil
            }
            defer { group.cancelAll() }
            guard let ended = try await group.next(), let report = ended else { throw Interrupted() }
            return report
        }
    }

    /// Listens for SIGTERM and SIGINT; the second one ends the process at once.
    private static func listen(_ interrupt: Signal) async {
        var count = 0
        for await _ in SignalStream.make() {
            count += 1
            if count == 1 {
                Stderr.say("interrupted; the same command goes on where this one was")
                interrupt.raise()
            } else {
                ProcessExit.temporary.end()
            }
        }
    }

    private func upload(
        _ submission: Submission, _ opened: any MessageLog, _ settings: Settings, _ view: StatusView,
        until end: ContinuousClock.Instant?, _ address: LogAddress
    ) async throws -> Report {
        let start = ContinuousClock.now
        let starts = try await submission.resultEnds()
        try await submission.submit(.paths(paths), to: to, settings)
        await submission.findSharedKeys {
            try await view.catchUp()
            return view
        }
        let summary = await submission.summary
        let waited = try await withThrowingTaskGroup(of: Submission.Waited?.self) { group in
            group.addTask {
                try await submission.waitForResults(
                    from: starts, until: end,
                    look: {
                        if let folder = address.folder, !FolderLock.isHeld(folder: folder) { throw OwnerEnded() }
                    }
                ) { done, total in
                    ProgressBar.bar(done, of: total)
                }
            }
            group.addTask {
                try await Self.sayWhyItWaits(view)
                return nil
            }
            defer { group.cancelAll() }
            while let ended = try await group.next() {
                if let ended { return ended }
            }
            throw LogError.closed
        }
        var report = Report(
            submitted: summary, failed: 0, unfinished: 0, seconds: (ContinuousClock.now - start) / .seconds(1),
            audit: .proven, log: address.description)
        switch waited {
        case .allEnded(let failed): report.failed = failed
        case .timeIsUp(let unfinished): report.unfinished = unfinished
        }
        report.audit = try await AuditCommand.examine(opened, settings, verify: verify).report.verdict
        return report
    }

    /// Says what unfinished files wait for, whenever that changes.
    private static func sayWhyItWaits(_ view: StatusView) async throws {
        var said: Set<String> = []
        while true {
            try await ContinuousClock().sleep(for: .seconds(3))
            let now = SystemLogClock.wall
            var current: Set<String> = []
            // A view that fails must not end the upload.
            guard (try? await view.catchUp()) != nil,
                let reasons = try? await view.reasons(batch: nil, tenant: nil)
            else { continue }
            for reason in reasons {
                guard reason.kind != .waiting, reason.kind != .uploading else { continue }
                let cause = "\(reason.kind) \(reason.destination) \(reason.failure?.description ?? "")"
                current.insert(cause)
                if !said.contains(cause) { Stderr.say(ReasonText.line(reason, now: now)) }
            }
            said = current
        }
    }

    private func show(_ report: Report) throws {
        let summary = report.submitted
        if log.output == .json {
            try Output.json(report)
        } else {
            let ended = summary.accepted + summary.underWay - report.failed - report.unfinished
            let size = summary.accepted > 0 ? ", \(SizeText.format(summary.size)) submitted" : ""
            let before = summary.stored > 0 ? ", \(summary.stored) stored before" : ""
            Output.line("stored \(ended) \(ended == 1 ? "file" : "files") at \(to)\(before)\(size)")
            if report.failed + report.unfinished + summary.rejectedCount > 0 {
                Output.line(
                    "not stored: \(report.failed) failed, \(report.unfinished) unfinished, "
                        + "\(summary.rejectedCount) not accepted")
            }
            Output.line(String(format: "took %.1f s", report.seconds))
            let words =
                switch report.audit {
                case .proven: "each accepted file has exactly one result"
                case .partly: "each file that has ended has exactly one result; the rest is in progress"
                case .notLooked: "nothing could be looked at"
                case .loss: "LOSS OR DAMAGE FOUND; see 'backhaul audit'"
                }
            Output.line("proof: \(words)\(verify ? "" : "; --verify also reads the objects back")")
            Output.line("log: \(report.log), batch \(summary.batch)")
            summary.sayLeftOut()
        }
        summary.sayUnmatched()
        if report.failed > 0 { Stderr.say("'\(log.hint("dead-letters list"))' shows why files failed") }
        if report.audit == .loss { throw ProcessExit.auditFoundLoss }
        if report.failed + summary.rejectedCount > 0 { throw ProcessExit.failed }
        if report.unfinished > 0 { throw ProcessExit.temporary }
    }
}
