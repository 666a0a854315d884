import ArgumentParser
import BackhaulKafka
import BackhaulLog
import BackhaulSettings
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

            Callers say who they are by a token (see 'backhaul token') or a JWT; without any configured the role refuses to \
            start. api.authentication: none lets everyone in, on a loopback address only.

            Example: backhaul ingest --log kafka://kafka1:9092/ --listen 127.0.0.1:8480 --config backhaul.yaml
            """)

    /// Milliseconds after which the log is said not to answer.
    private static let patience = 8_000

    @OptionGroup var fleet: FleetOptions

    func run() async throws {
        let (bootstrap, settings, addresses) = try fleet.prepare("ingest", hasAPI: true)
        guard settings.api.knowsCallers else {
            throw CommandFailure(
                "no caller of the ingest API is configured: make one with 'backhaul token' and name its file in "
                    + "api.tokensFile, configure api.jwt, or set api.authentication to none on a loopback address",
                exit: .usage)
        }
        let logger = Logger(label: "backhaul.ingest")
        let client = try ControlClient()
        let authenticator = try settings.api.authenticator(listen: addresses.listen, client: client, logger: logger)
        let log = try await fleet.open(bootstrap, settings, role: "ingest", patience: Self.patience)
        let meters = WebMeters()
        let limits = TenantLimits(rules: settings.api.limits, clock: SystemLogClock())
        let api = settings.ingestAPI(log, folder: nil, limits: limits, meters: meters, logger: logger)
        var reloader = fleet.reloader(settings, role: "ingest")
        reloader.apply = [
            { $0.reload(log) },
            {
                authenticator.replace($0.api.apiTokens)
                limits.replace($0.api.limits)
            },
        ]
        let process = ServiceProcess(
            role: "ingest", addresses: addresses,
            facts: ["brokers": bootstrap, "librdkafka": KafkaLog.libraryVersion],
            api: settings.api.surface(api.routes, authenticator, meters: meters, grace: settings.grace),
            metrics: { KafkaGauges.families(log) }, parts: [],
            stop: .init(
                drain: {}, hurry: {},
                close: {
                    await log.close()
                    await client.close()
                }),
            maximumShutdown: settings.maximumShutdown, reload: reloader.run)
        try await process.run()
    }
}
