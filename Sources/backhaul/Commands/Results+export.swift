import ArgumentParser
import BackhaulDestinations
import BackhaulDomain
import BackhaulExport
import BackhaulFiles
import BackhaulLog
import BackhaulSettings
import BackhaulTransfer
import BackhaulUnits
import Foundation

extension Results {
    struct Export: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write results into files for analysis: NDJSON with zstd, by day and class of tenants.",
            discussion: """
                Each run writes what is not in the folder yet; interrupted or killed, the next one goes on, and all files \
                together have each result once. docs/ANALYTICS.md has queries.

                Examples:
                  backhaul results export --folder /srv/analytics --log embedded:///srv/backhaul
                  backhaul results export --folder /srv/analytics --to lake --log kafka://kafka1:9092/
                """)

        @Option(help: ArgumentHelp("The folder for the files, and for how far it is.", valueName: "folder"))
        var folder: String

        @Option(help: ArgumentHelp("Also store each file at this configured destination.", valueName: "name"))
        var to: ByteText?

        @Option(help: ArgumentHelp("At most so many results of a partition in a file.", valueName: "count"))
        var rows = ResultExport.standardRows

        @Flag(help: "Go on behind results that the log removed before they were exported.")
        var skipGone = false

        @OptionGroup var log: LogOptions

        func validate() throws {
            guard (1...10_000_000).contains(rows) else { throw ValidationError("--rows takes 1 to 10000000") }
        }

        func run() async throws {
            let settings = try log.settings(needs: to == nil ? [] : .destinations)
            let address = try log.address(settings)
            let opened = try await address.open(settings, creates: false)
            let summary: ResultExport.Summary
            do {
                let export = ResultExport(
                    log: opened, layout: settings.layout, folder: folder,
                    source: "\(address.description) \(settings.layout.results)", rows: rows, skipsGone: skipGone,
                    tenantClass: { [tenants = settings.tenants] in tenants.tenantClass(of: $0) })
                summary = try await run(export, settings)
            } catch {
                await opened.close()
                throw error
            }
            await opened.close()
            if log.output == .json { return try Output.json(summary) }
            Output.line("exported \(summary.results) results into \(summary.files) files below \(folder)")
            if summary.others > 0 {
                Output.line("\(summary.others) records are conflicts, or cannot be read, and are left out")
            }
        }

        private func run(_ export: ResultExport, _ settings: Settings) async throws -> ResultExport.Summary {
            guard let to else { return try await export.run() }
            guard let destination = settings.destinations[to] else {
                throw CommandError(
                    "--to \(to): no destination of that name is configured; '\(log.hint("destinations list"))' shows "
                        + "those that are", exit: .usage)
            }
            return try await DestinationsCommand.running(settings) { runner in
                try await export.run { path in
                    try await store(path, destination, runner)
                }
            }
        }

        /// Stores a file under its path below the folder. A part that was interrupted stores the same bytes again.
        private func store(_ path: String, _ destination: Destination, _ runner: DialectRunner) async throws {
            do {
                let root = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
                guard root >= 0 else { throw CommandError("\(folder): \(String(cString: strerror(errno)))") }
                defer { close(root) }
                let file = try SourceFile(path: path, below: root)
                let dialect = destination.type.upload(
                    key: ByteText(path), body: .file(file), contentType: "application/zstd", onlyIfAbsent: false)
                guard try await runner.run(dialect) != nil else {
                    throw Failure(.integrity, "the object is not at its destination")
                }
            } catch let failure as Failure {
                throw CommandError(
                    "\(path) could not be stored at '\(to?.text ?? "")': \(failure); the same command goes on with it",
                    exit: .temporary)
            }
        }
    }
}
