import ArgumentParser
import BackhaulDestinations
import BackhaulDomain
import BackhaulEmbedded
import BackhaulLog
import BackhaulSettings
import BackhaulTelemetry
import BackhaulTransfer
import BackhaulView
import BackhaulWorker
import Foundation
import Logging
import Synchronization

/// All roles in one process, on the embedded log.
struct Standalone: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run all roles in one process on an embedded log.",
        discussion: """
            Prints one JSON line with "event":"ready" on stderr once it serves. SIGTERM drains and exits 0.

            Example: backhaul standalone --data /srv/backhaul
            """)

    @Option(
        help: ArgumentHelp(
            "The data folder (default: log.url, or the default place). Environment: BACKHAUL_DATA.",
            valueName: "folder"))
    var data: String?

    @OptionGroup var places: ListenOptions

    @Option(help: ArgumentHelp("Number of workers (not uploads; see limits.uploads).", valueName: "count"))
    var workers = 1

    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard (1...64).contains(workers) else { throw ValidationError("--workers takes 1 to 64") }
    }

    /// The data folder that is named, that of `log.url`, or the one at the default place.
    private func folder(_ settings: Settings, _ environment: [String: String]) throws -> String? {
        if let named = data ?? environment["BACKHAUL_DATA"] { return named }
        guard settings.logURL.isEmpty else {
            guard let folder = try LogAddress(settings.logURL).folder else {
                throw CommandError("log.url names a Kafka log; standalone runs on an embedded one", exit: .usage)
            }
            return folder
        }
        return DefaultPlaces(environment: environment).dataFolder
    }

    func run() async throws {
        let environment = ProcessInfo.processInfo.environment
        let addresses = try places.addresses(hasAPI: true)
        let settings = try common.settings(needs: [.destinations, .callers])
        guard let folder = try folder(settings, environment) else {
            throw CommandError("no data folder is named; give --data FOLDER or set BACKHAUL_DATA", exit: .usage)
        }
        settings.startLogging()
        try DescriptorBudget.require(
            transfers: workers * settings.transfersWithFiles,
            connections: addresses.connections(settings.api))
        let log = try EmbeddedLog(
            folder: folder, options: settings.embeddedOptions(owns: true), logger: Logger(label: "backhaul.log"))
        try await log.ensure(settings.topics)
        DaemonRecord(configuration: settings.file.map { URL(fileURLWithPath: $0).path }).write(in: folder)
        let reloader = Reloader(settings, logger: Logger(label: "backhaul.standalone")) {
            try CommonOptions.again(settings)
        }
        try await StandaloneProcess.make(log: log, addresses: addresses, workers: workers, reloader: reloader).run()
    }
}
