import ArgumentParser
import BackhaulAcknowledgment
import BackhaulDomain
import BackhaulFiles
import BackhaulKafka
import BackhaulLog
import BackhaulSettings
import BackhaulTelemetry
import BackhaulView
import BackhaulWeb
import Foundation
import Logging

/// An acknowledger of a fleet.
struct AcknowledgerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "acknowledger", abstract: "Run an acknowledger of a fleet: record exactly one result per task.",
        discussion: """
            Prints one JSON line with "event":"ready" on stderr once it has joined its group. Several acknowledgers \
            share the outcomes. With --data it also keeps a view of all tasks, which it rebuilds if deleted, and \
            serves the API for task owners: status, search, progress, events; cancel, retry, acknowledge \
            (schemas/openapi.yaml).

            Example: backhaul acknowledger --log kafka://kafka1:9092/ --data /var/lib/backhaul --config backhaul.yaml
            """)

    @Option(help: ArgumentHelp("A folder for the view of all tasks. Environment: BACKHAUL_DATA.", valueName: "folder"))
    var data: String?

    @OptionGroup var fleet: FleetOptions

    func run() async throws {
        let (bootstrap, settings, addresses) = try fleet.prepare(
            "acknowledger", hasAPI: data ?? ProcessInfo.processInfo.environment["BACKHAUL_DATA"] != nil)
        let folder = data ?? ProcessInfo.processInfo.environment["BACKHAUL_DATA"]
        if let folder { try Self.prepare(folder) }
        let kafka = try await fleet.open(bootstrap, settings, role: "acknowledger", at: addresses)
        let log = try settings.signed(kafka)
        let clock = SystemLogClock()
        let logger = Logger(label: "backhaul.acknowledger")
        let failPoint = try FailPoint(ProcessInfo.processInfo.environment)
        let client = try OperatorClient()
        let tracer = try settings.tracer(role: "acknowledger", client: client)
        let indexes = try ResultIndexes(
            folder: folder.map { $0 + "/results" }, isFed: folder != nil, log: log, layout: settings.layout,
            logger: logger)
        let acknowledger = Acknowledger(
            log: log, layout: settings.layout, indexes: indexes, clock: clock, logger: logger,
            names: Set(settings.destinations.keys), tenants: settings.tenants, tracer: tracer,
            failPoint: { failPoint?.pass($0) })
        let view = try folder.map { folder in
            try StatusView(
                path: folder + "/view.sqlite", log: log, layout: settings.layout, holdsTruncation: false,
                onResults: { indexes.observe($0, in: $1, from: $2, next: $3) }, logger: Logger(label: "backhaul.view"))
        }
        let authenticator = try settings.api.authenticator(listen: addresses.listen, client: client, logger: logger)
        let tokens = LiveTokens(settings.api, authenticator, logger: logger)
        let rules = LiveRules(settings.ingestRules)
        let acts = settings.actRecorder(log)
        // Of retries only.
        let limits = TenantLimits(quotas: settings.ingestRules.quotas, clock: clock)
        let api = try view.map { view in
            try settings.api.surface(
                settings.tasksAPI(log, view: view, rules: rules, limits: limits, acts: acts).routes, authenticator,
                meters: WebMeters(), rules: rules, grace: settings.grace, logger: logger)
        }
        let port = ListeningPort()
        // An API without callers answers nobody.
        let announced =
            settings.api.knowsCallers
            ? view.map {
                RolePart.address(of: port, on: addresses.listen, settings, in: log, once: $0, logger: logger)
            } : nil
        let process = ServiceProcess(
            role: "acknowledger", addresses: addresses,
            facts: [
                "brokers": bootstrap, "librdkafka": KafkaLog.libraryVersion, "data": folder ?? "none",
                "delivery": (fleet.delivery ?? settings.delivery).rawValue,
            ],
            api: api, port: port,
            parts: [announced].compactMap(\.self) + [
                .acknowledger(acknowledger), .replays(settings, log, clock: clock),
                .probe(LogProbe(log, topic: settings.layout.results, logger: logger)),
                .outstandingWork(OutstandingGauges(log, layout: settings.layout, clock: clock, logger: logger)),
                .maintenance(of: log, every: .seconds(60), clock: clock, logger: logger),
                .callers(tokens, rules, limits), .acts(acts, role: "acknowledger", settings, tokens),
                .process(folder: folder),
            ]
                + [
                    view.map(RolePart.view),
                    view.map { RolePart.tasks(ViewGauges($0, names: Set(settings.destinations.keys))) },
                ].compactMap(\.self) + [
                    .signatures(log, logger: logger), .kafkaLog(kafka), .tracing(tracer, client),
                ],
            maximumShutdown: settings.maximumShutdown, reloader: fleet.reloader(settings, role: "acknowledger"))
        try await process.run()
    }

    private static func prepare(_ folder: String) throws {
        do {
            try NewFolder.make(folder)
        } catch {
            throw CommandError("--data \(folder): the folder cannot be created: \(error)")
        }
    }
}
