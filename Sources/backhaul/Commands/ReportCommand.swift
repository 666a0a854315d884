import ArgumentParser
import BackhaulDomain
import BackhaulExport
import BackhaulLog
import BackhaulRecords
import BackhaulSettings
import BackhaulUnits
import Foundation

/// Writes a page about what was uploaded.
struct ReportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report", abstract: "Write one HTML page about a batch, a day or a tenant.",
        discussion: """
            The page needs no network and has no script: uploads and bytes over time, time to safety, causes of retries, \
            failures, backlog, and what needs a person.

            Examples:
              backhaul report --batch trip --file trip.html --log embedded:///srv/backhaul
              backhaul report --day 2026-11-30 --file day.html --log kafka://kafka1:9092/
            """)

    @Option(help: ArgumentHelp("The file to write; - for standard output.", valueName: "path"))
    var file: String

    @Option(help: "Only this batch.")
    var batch: ByteText?

    @Option(help: "Only this tenant.")
    var tenant: ByteText?

    @Option(help: ArgumentHelp("Only what ended on this day (UTC).", valueName: "YYYY-MM-DD"))
    var day: String?

    @Option(help: ArgumentHelp("Only what ended since then: 2d ago, or a time (RFC 3339).", valueName: "time"))
    var since: String?

    @Option(help: ArgumentHelp("Only what ended before then.", valueName: "time"))
    var until: String?

    @OptionGroup var log: LogOptions

    func run() async throws {
        let scope = try scope()
        let settings = try log.settings()
        let address = try log.address(settings)
        let opened = try await address.open(settings, creates: false)
        var facts = ReportFacts(scope)
        do {
            for bounds in try await opened.decidedBounds(settings.layout.results) {
                try await opened.scan(bounds.partition, to: bounds.end) { records in
                    for stored in records {
                        guard let result = try? ResultRecord.read(stored.record) else { continue }
                        facts.add(result)
                    }
                }
            }
            if facts.isEmpty { try await LazyView(log: opened, address: address, settings: settings).check(batch) }
        } catch {
            await opened.close()
            throw error
        }
        await opened.close()
        let page = ReportPage(facts, title: title, madeAt: SystemLogClock.wall).text
        guard file != "-" else {
            Output.part(page)
            return Output.flush()
        }
        try ReportFile(file, option: "--file").write(page)
        if log.output == .json { return try Output.json(["file": file]) }
        Output.line("wrote \(file)\(facts.isEmpty ? "; no task has ended there" : "")")
    }

    private func scope() throws -> ReportFacts.Scope {
        var scope = ReportFacts.Scope(
            batch: batch, tenant: tenant, since: try MomentArgument.parse(since, "--since"),
            until: try MomentArgument.parse(until, "--until"))
        guard let day else { return scope }
        guard since == nil, until == nil else {
            throw CommandError("--day excludes --since and --until", exit: .usage)
        }
        guard let start = TimeText.parse(day + "T00:00:00Z")?.timestamp, day.utf8.count == 10 else {
            throw CommandError("--day \(day): give a day such as 2026-11-30", exit: .usage)
        }
        scope.since = start
        scope.until = start + .seconds(86_400)
        return scope
    }

    private var title: String {
        let parts = [
            batch.map { "batch \($0)" }, tenant.map { "tenant \($0)" }, day, since.map { "since \($0)" },
            until.map { "until \($0)" },
        ].compactMap(\.self)
        return parts.isEmpty ? "All uploads" : "Uploads: " + parts.joined(separator: ", ")
    }
}
