import ArgumentParser
import BackhaulDomain
import BackhaulIngest
import BackhaulKafka
import BackhaulLog
import BackhaulSettings
import BackhaulTransfer
import BackhaulWeb
import Foundation
import Logging

/// An ingest node of a fleet.
struct IngestCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ingest", abstract: "Take tasks by HTTP and put them into a fleet's log.",
        discussion: """
            POST /v1/tasks takes one task as JSON and answers 201 once the log has it; POST /v1/tasks:batch takes one \
            task a line and answers line by line, in order. A task that gives no size and modifiedAt is looked at below \
            sources.roots. When the log does not answer, neither does a success: 503, and the same task may be sent again.

            The API knows no callers yet, so it listens on loopback addresses only; put a proxy that checks them in front.

            Example: backhaul ingest --log kafka://kafka1:9092/ --listen 127.0.0.1:8480 --config backhaul.yaml
            """)

    /// Milliseconds after which the log is said not to answer.
    private static let patience = 8_000

    @OptionGroup var fleet: FleetOptions

    func run() async throws {
        let (bootstrap, settings, address) = try fleet.prepare("ingest")
        guard address.isLoopback else {
            throw CommandFailure(
                "--listen \(address): the ingest API checks no callers, so it listens on loopback addresses only; give "
                    + "127.0.0.1:PORT, and put a proxy that checks callers in front", exit: .usage)
        }
        let log = try await fleet.open(bootstrap, settings, role: "ingest", patience: Self.patience)
        let logger = Logger(label: "backhaul.ingest")
        let ingest = Ingest(
            log: log, layout: settings.layout, clock: SystemLogClock(), largeThreshold: settings.largeThreshold,
            isOrdered: settings.isOrdered)
        let roots = settings.sourceRoots(folder: nil)
        let pool = ReaderPool()
        let api = IngestAPI(ingest: ingest, destinations: Set(settings.destinations.keys), logger: logger) { source in
            try await pool.run { try SourceLook.facts(of: source, in: roots) }
        }
        let process = ServiceProcess(
            role: "ingest", address: address,
            facts: [
                "brokers": bootstrap, "librdkafka": KafkaLog.libraryVersion, "authentication": "none, loopback only",
            ],
            api: (api, grace: settings.grace), metrics: { KafkaGauges.families(log) }, parts: [],
            stop: .init(drain: {}, hurry: {}, close: { await log.close() }))
        try await process.run()
    }
}
