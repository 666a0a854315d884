import BackhaulDomain
import BackhaulEmbedded
import BackhaulLog
import BackhaulSettings
import BackhaulTelemetry
import BackhaulTransfer
import BackhaulWeb
import Foundation
import Logging

/// Assembles `standalone`: all roles in one process, on the log that it owns.
enum StandaloneProcess {
    static func make(
        log embedded: EmbeddedLog, addresses: ServiceAddresses, workers: Int, reloader: Reloader
    ) async throws -> ServiceProcess {
        let settings = reloader.settings
        let client = try OperatorClient()
        let tracer = try settings.tracer(role: "standalone", client: client)
        let roles = try await EmbeddedRoles(
            log: embedded, settings: settings, workers: workers,
            egress: settings.egress(isLocal: addresses.listen.isLoopback), servesAPI: true, tracer: tracer)
        let (log, view, clock) = (roles.log, roles.view, embedded.clock)
        let logger = Logger(label: "backhaul.standalone")
        let acts = settings.actRecorder(log)
        let gauges = OutstandingGauges(log, layout: settings.layout, clock: clock, logger: logger)
        let authenticator = try settings.api.authenticator(listen: addresses.listen, client: client, logger: logger)
        let tokens = LiveTokens(settings.api, authenticator, logger: logger)
        let meters = WebMeters()
        let rules = LiveRules(settings.ingestRules)
        let directory = ViewDirectory(view)
        let limits = TenantLimits(quotas: settings.ingestRules.quotas, clock: clock) { tenant in
            try await directory.unacknowledged(tenant: tenant)
        }
        let ingest = settings.ingestAPI(
            log, folder: embedded.folder, rules: rules, limits: limits,
            // The log rejects known tasks itself. Only a limit has to know them in advance.
            directory: settings.limitsUnacknowledged ? directory : nil, states: directory, meters: meters,
            tracer: tracer,
            acts: acts, logger: logger)
        return ServiceProcess(
            role: "standalone", addresses: addresses, facts: ["data": embedded.folder, "workers": "\(workers)"],
            api: try settings.api.surface(
                ingest.routes + settings.tasksAPI(log, view: view, rules: rules, limits: limits, acts: acts).routes,
                authenticator, meters: meters, rules: rules, grace: settings.grace, logger: logger),
            parts: roles.parts + [
                .process(folder: embedded.folder),
                .tasks(ViewGauges(view, names: Set(settings.destinations.keys))),
                .outstandingWork(gauges), .callers(tokens, rules, limits),
                .acts(acts, role: "standalone", settings, tokens), .embeddedLog(embedded), .tracing(tracer, client),
            ],
            maximumShutdown: settings.maximumShutdown, reloader: reloader)
    }
}
