import ArgumentParser
import BackhaulAudit
import BackhaulDomain
import BackhaulEmbedded
import BackhaulFiles
import BackhaulLog
import BackhaulRecords
import BackhaulReplay
import BackhaulSettings
import BackhaulTransfer
import BackhaulView
import Foundation

/// Proves that nothing is lost or duplicated.
struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "Prove that every accepted task has exactly one result, or is in progress.",
        discussion: """
            Exits 0 when every accepted task has its result and every object that was to be read is right; 1 when that \
            is proven of what has ended and could be seen, and the rest is counted; 3 when something is lost, damaged, \
            overwritten or repeated; 75 when no object could be read.

            With --repair, what is gone or damaged at its destination is sent again, from its source.

            Examples:
              backhaul audit --verify --log embedded:///srv/backhaul
              backhaul audit --verify --repair --log embedded:///srv/backhaul
            """)

    @Flag(help: "Also read every stored object back and compare its SHA-256.")
    var verify = false

    @Flag(help: "With --verify: send again what is gone or damaged.")
    var repair = false

    @OptionGroup var log: LogOptions

    func validate() throws {
        guard verify || !repair else { throw ValidationError("--repair needs --verify") }
    }

    func run() async throws {
        let settings = try log.settings()
        let opened = try await log.address(settings).open(settings, creates: false)
        let report: AuditReport
        do {
            let lost: [ObjectAudit.Lost]
            (report, lost) = try await Self.examine(opened, settings, verify: verify, repairs: repair)
            if repair, !lost.isEmpty {
                let again = try await Self.repair(lost.map(\.task), opened, settings, try log.address(settings))
                Stderr.say("\(again) of \(lost.count) are sent again; '\(log.hint("status"))' shows them")
            }
        } catch {
            await opened.close()
            throw error
        }
        await opened.close()
        if log.output == .json {
            try Output.json(Printed(report: report, verdict: report.verdict))
        } else {
            show(report)
        }
        switch report.verdict {
        case .proven: return
        case .partly: throw ProcessExit.failed
        case .notLooked: throw ProcessExit.temporary
        case .loss: throw ProcessExit.auditFoundLoss
        }
    }

    /// Audits a log, and records what is lost.
    /// - Parameter verify: whether to read the objects back, too.
    /// - Throws: `CommandError` for damaged records, which are loss.
    static func examine(
        _ opened: any MessageLog, _ settings: Settings, verify: Bool, repairs: Bool = false
    ) async throws -> (report: AuditReport, lost: [ObjectAudit.Lost]) {
        var report: AuditReport
        do {
            report = try await Audit(log: opened, layout: settings.layout).run()
        } catch let error as LogError {
            // Missing records are loss, no matter which records they were.
            guard case .damaged = error else { throw error }
            throw CommandError("\(error)", exit: .auditFoundLoss)
        }
        guard verify else { return (report, []) }
        let pool = ReaderPool()
        let engine = try TransferEngine(
            limits: settings.transfers, egress: settings.egress(isLocal: true), pool: pool)
        let lost: [ObjectAudit.Lost]
        do {
            lost = try await ObjectAudit(
                log: opened, layout: settings.layout, destinations: settings.destinationTable, engine: engine,
                store: LocalStore(pool: pool)
            ).run(&report)
        } catch {
            await engine.close()
            throw error
        }
        await engine.close()
        await record(lost, opened, settings, hint: repairs ? "" : ": submit their files again, or give --repair")
        return (report, lost)
    }

    /// Submits the next generation of tasks that are lost, from the records that the view knows.
    /// - Returns: how many; the others' records are not kept any more.
    private static func repair(
        _ lost: [TaskGeneration], _ opened: any MessageLog, _ settings: Settings, _ address: LogAddress
    ) async throws -> Int {
        let act = await CommandAct(.replay, settings, opened, detail: "what an audit found lost")
        let lazy = LazyView(log: opened, address: address, settings: settings)
        var again = 0
        do {
            let replay = settings.replay(opened)
            for start in stride(from: 0, to: lost.count, by: 500) {
                let part = lost[start..<min(start + 500, lost.count)]
                let known = try await lazy.tasks(part.map(\.identity))
                var requests: [AppendRequest] = []
                for task in part {
                    // A later generation is under way already.
                    guard let status = known[task.identity], status.task == task else { continue }
                    if let next = try await replay.nextRequest(task, at: status.position) { requests.append(next) }
                }
                if !requests.isEmpty { _ = try await opened.append(requests) }
                again += requests.count
            }
        } catch {
            await act.fail(error)
            await lazy.close()
            throw error
        }
        await lazy.close()
        await act.end(
            again == lost.count ? .done : .partly, tasks: lost.count,
            counts: ["accepted": again, "gone": lost.count - again])
        return again
    }

    /// Records what is lost: from now on these tasks count as failed, so that their files can be submitted again.
    private static func record(
        _ lost: [ObjectAudit.Lost], _ opened: any MessageLog, _ settings: Settings, hint: String
    ) async {
        guard !lost.isEmpty else { return }
        let time = SystemLogClock.wall
        let count = "\(lost.count) \(lost.count == 1 ? "task" : "tasks")"
        do {
            for start in stride(from: 0, to: lost.count, by: 500) {
                let part = lost[start..<min(start + 500, lost.count)]
                _ = try await opened.append(
                    part.map { try OutcomeRecord.request($0.outcome(at: time), settings.layout, trace: nil) })
            }
            Stderr.say("\(count) whose objects are gone or damaged now count as failed\(hint)")
        } catch {
            Stderr.say("\(count) whose objects are gone or damaged still count as stored: \(Explanation.of(error))")
        }
    }

    /// The report and its verdict, as one object.
    private struct Printed: Encodable {
        var report: AuditReport
        var verdict: AuditReport.Verdict

        private enum CodingKeys: String, CodingKey { case verdict }

        func encode(to encoder: any Encoder) throws {
            try report.encode(to: encoder)
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(verdict, forKey: .verdict)
        }
    }

    private func show(_ report: AuditReport) {
        Output.line("accepted \(report.accepted), results \(report.results)")
        if let verified = report.verified { Output.line("objects read back and right: \(verified)") }
        let places = Dictionary(grouping: report.unfinished, by: \.place).mapValues(\.count)
        for (place, count) in places.sorted(by: { $0.key < $1.key }) {
            Output.line("in progress, in \(place): \(count)")
        }
        if report.forgotten > 0 { Output.line("older than the retained results: \(report.forgotten)") }
        if report.malformed > 0 { Output.line("malformed records: \(report.malformed)") }
        if let count = report.notLookedAt, count > 0 { Output.line("objects not looked at: \(count)") }
        for unread in report.lostUnread {
            Output.line(
                "LOST UNREAD \(unread.partition): \(unread.records) or more records were removed before they were read")
        }
        for name in report.missing {
            Output.line("MISSING     \(name): it has neither a result nor a place where it is")
        }
        for name in report.duplicated { Output.line("DUPLICATED  \(name)") }
        for name in report.withoutLetter { Output.line("NO LETTER   \(name): it failed, and has no dead letter") }
        func list(_ word: String, _ found: [AuditReport.Corruption]?, _ text: (AuditReport.Corruption) -> String) {
            for object in found ?? [] {
                Output.line("\(word)\(object.destination) \(object.key) (\(object.task))\(text(object))")
            }
        }
        list("GONE        ", report.gone) { _ in ": the destination has no such object" }
        list("CORRUPTED   ", report.corrupted) { ": expected \($0.expected), found \($0.found)" }
        list("STALE       ", report.stale) { _ in ": holds older content" }
        list("OVERWRITTEN ", report.overwritten) { _ in ": another file was stored under its key" }
        list("UNREACHABLE ", report.unreachable) { ": \($0.found)" }
        switch report.verdict {
        case .proven: Output.line("verdict: proven, clean")
        case .partly: Output.line("verdict: clean as far as it could be seen; the rest is counted above")
        case .notLooked: Output.line("verdict: nothing could be looked at")
        case .loss: Output.line("verdict: LOSS OR DAMAGE FOUND")
        }
    }
}
