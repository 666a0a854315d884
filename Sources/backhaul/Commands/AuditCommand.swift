import ArgumentParser
import BackhaulAudit
import BackhaulEmbedded
import BackhaulFiles
import BackhaulLog
import BackhaulSettings
import BackhaulTransfer
import Foundation

/// Proves that nothing is lost or duplicated.
struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "Prove that every accepted task has exactly one result, or is in progress.",
        discussion: "Exits 0 when nothing is lost, duplicated or damaged, and 3 when something is.")

    @Flag(help: "Also read every stored object back and compare its SHA-256.")
    var verify = false

    @OptionGroup var log: LogOptions

    func run() async throws {
        let settings = try log.common.settings()
        let opened = try await log.address().open(settings, creates: false)
        var report: AuditReport
        do {
            report = try await Audit(log: opened, layout: settings.layout).run()
        } catch let error as LogError {
            // Missing records are loss, no matter which records they were.
            guard case .damaged = error else { throw error }
            throw CommandError("\(error)", exit: .auditFoundLoss)
        }
        if verify {
            let pool = ReaderPool()
            let engine = try TransferEngine(
                limits: settings.transfers, egress: settings.egress(isLocal: true), pool: pool)
            try await ObjectAudit(
                log: opened, layout: settings.layout, destinations: settings.destinationTable, engine: engine,
                store: LocalStore(pool: pool)
            ).run(&report)
            await engine.close()
        }
        await opened.close()
        if log.output == .json { try Output.json(report) } else { show(report) }
        if !report.isClean { throw ProcessExit.auditFoundLoss }
    }

    private func show(_ report: AuditReport) {
        Output.line(
            "accepted \(report.accepted), results \(report.results), unfinished \(report.unfinished.count), malformed records \(report.malformed)"
        )
        if report.forgotten > 0 {
            Output.line("older than the retained results: \(report.forgotten)")
        }
        if let verified = report.verified { Output.line("objects read back and right: \(verified)") }
        for name in report.missing { Output.line("MISSING     \(name)") }
        for name in report.duplicated { Output.line("DUPLICATED  \(name)") }
        for found in report.corrupted ?? [] {
            Output.line(
                "CORRUPTED   \(found.destination) \(found.key) (\(found.task)): expected \(found.expected), found \(found.found)"
            )
        }
        for found in report.stale ?? [] {
            Output.line("STALE       \(found.destination) \(found.key): holds older content than \(found.task)")
        }
        Output.line(report.isClean ? "verdict: clean" : "verdict: LOSS OR DAMAGE FOUND")
    }
}
