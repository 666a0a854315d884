import ArgumentParser
import BackhaulDestinations
import BackhaulDomain
import BackhaulKafka
import BackhaulLog
import BackhaulSettings
import BackhaulTelemetry
import BackhaulWeb
import Foundation
import Logging

/// An ingest node of a fleet.
struct IngestCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ingest", abstract: "Accept tasks over HTTP and append them to a fleet's log.",
        discussion: """
            POST /v1/tasks takes one task as JSON and answers 201 once the log has it; POST /v1/tasks:batch takes one \
            task per line and answers line by line, in order. If a task gives no size and modifiedAt, they are read \
            from the file below sources.roots. When the log does not answer, the response is 503; send the same task \
            again.

            Callers authenticate with a token (see 'backhaul token') or a JWT; the role does not start when neither is \
            configured. api.authentication: none admits every caller, on a loopback address only.

            Example: backhaul ingest --log kafka://kafka1:9092/ --listen 127.0.0.1:8480 --config backhaul.yaml
            """)

    /// The time after which the log counts as not answering.
    private static let patience = Duration.seconds(8)

    @Option(
        help: ArgumentHelp(
            "The API of an acknowledger with --data, which knows earlier tasks. Environment: BACKHAUL_API.",
            valueName: "url"))
    var api: String?

    @OptionGroup var fleet: FleetOptions

    func run() async throws {
        let (bootstrap, settings, addresses) = try fleet.prepare("ingest", hasAPI: true)
        guard settings.api.knowsCallers else {
            throw CommandError(
                "no caller of the ingest API is configured: create a token with 'backhaul token' and name its file in "
                    + "api.tokensFile, configure api.jwt, or set api.authentication to none on a loopback address",
                exit: .usage)
        }
        let logger = Logger(label: "backhaul.ingest")
        let client = try OperatorClient()
        let authenticator = try settings.api.authenticator(listen: addresses.listen, client: client, logger: logger)
        let tokens = LiveTokens(settings.api, authenticator, logger: logger)
        let meters = WebMeters()
        let rules = LiveRules(settings.ingestRules)
        let tracer = try settings.tracer(role: "ingest", client: client)
        // Reports errors in the command line before it waits for brokers.
        let directory = try directory(settings, client)
        let kafka = try await fleet.open(bootstrap, settings, role: "ingest", at: addresses, patience: Self.patience)
        let log = try settings.signed(kafka)
        var count: (@Sendable (ByteText) async throws -> Int)?
        if let directory { count = { tenant in try await directory.unacknowledged(tenant: tenant) } }
        let limits = TenantLimits(quotas: settings.ingestRules.quotas, clock: SystemLogClock(), unacknowledged: count)
        let acts = settings.actRecorder(log)
        let api = settings.ingestAPI(
            log, folder: nil, rules: rules, limits: limits, directory: directory, states: directory, meters: meters,
            tracer: tracer,
            acts: acts, logger: logger)
        // The limit's count comes from the acknowledger.
        let warning = RolePart(reload: { settings in
            if directory == nil, settings.limitsUnacknowledged {
                logger.error("unacknowledgedTasks needs --api URL, which was not given: no limit applies")
            }
        })
        let process = ServiceProcess(
            role: "ingest", addresses: addresses,
            facts: ["brokers": bootstrap, "librdkafka": KafkaLog.libraryVersion],
            api: try settings.api.surface(
                api.routes, authenticator, meters: meters, rules: rules, grace: settings.grace, logger: logger),
            parts: [
                .process(folder: nil),
                .probe(LogProbe(log, topic: settings.layout.tasks, logger: logger)),
                .callers(tokens, rules, limits), .acts(acts, role: "ingest", settings, tokens), warning,
                .signatures(log, logger: logger), .kafkaLog(kafka),
                .tracing(tracer, client),
            ],
            maximumShutdown: settings.maximumShutdown, reloader: fleet.reloader(settings, role: "ingest"))
        try await process.run()
    }

    /// Returns a directory of earlier tasks; nil without `--api`.
    /// - Throws: `CommandError` for a limit that needs `--api`, and for an `--api` that is not an HTTP URL.
    private func directory(_ settings: Settings, _ client: OperatorClient) throws -> RemoteDirectory? {
        guard let base = api ?? ProcessInfo.processInfo.environment["BACKHAUL_API"] else {
            guard !settings.limitsUnacknowledged else {
                throw CommandError(
                    "unacknowledgedTasks (in api or tenants) needs --api URL: an acknowledger's view has the count",
                    exit: .usage)
            }
            return nil
        }
        guard base.hasPrefix("http://") || base.hasPrefix("https://") else {
            throw CommandError("--api \(base): give an http:// or https:// URL", exit: .usage)
        }
        let file = settings.api.viewTokenFile
        return RemoteDirectory(base: base.hasSuffix("/") ? String(base.dropLast()) : base) { method, url, body in
            var headers = [(name: "Content-Type", value: "application/json")]
            if !file.isEmpty {
                // Read each time, so that a new token takes effect at once.
                headers.append(("Authorization", "Bearer " + (try SecretFile.secret(file)).value))
            }
            return try await client.send(method, url, body: body, headers: headers)
        }
    }
}
