import BackhaulAcknowledgment
import BackhaulDomain
import BackhaulEmbedded
import BackhaulLog
import BackhaulSettings
import BackhaulTelemetry
import BackhaulTransfer
import BackhaulView
import BackhaulWeb
import BackhaulWorker
import Foundation
import Logging

/// Assembles `standalone`: all roles in one process, on the log that it owns.
enum StandaloneProcess {
    static func make(
        log embedded: EmbeddedLog, addresses: ServiceAddresses, workers: Int, reloader: Reloader
    ) async throws -> ServiceProcess {
        let settings = reloader.settings
        let log = try settings.signed(embedded)
        let client = try OperatorClient()
        let tracer = try settings.tracer(role: "standalone", client: client)
        let workerPool = try WorkerPool(
            log: log, settings: settings, count: workers, roots: settings.sourceRoots(folder: embedded.folder),
            egress: settings.egress(isLocal: addresses.listen.isLoopback), decisionsPerUpload: 2, servesAPI: true,
            clock: embedded.clock, tracer: tracer)
        let clock = embedded.clock
        let indexes = try ResultIndexes(
            folder: embedded.folder + "/results", isFed: true, log: log, layout: settings.layout,
            logger: Logger(label: "backhaul.acknowledger"))
        let acknowledger = Acknowledger(
            log: log, layout: settings.layout, indexes: indexes, clock: clock,
            logger: Logger(label: "backhaul.acknowledger"),
            tracer: tracer)
        let view = try StatusView(
            path: embedded.folder + "/view.sqlite", log: log, layout: settings.layout, holdsTruncation: true,
            onResults: { indexes.observe($0, in: $1, from: $2, next: $3) }, logger: Logger(label: "backhaul.view"))
        try await workerPool.sweep()
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
            directory: settings.limitsUnacknowledged ? directory : nil, meters: meters, tracer: tracer,
            acts: acts, logger: logger)
        return ServiceProcess(
            role: "standalone", addresses: addresses, facts: ["data": embedded.folder, "workers": "\(workers)"],
            api: try settings.api.surface(
                ingest.routes + settings.tasksAPI(log, view: view, rules: rules, limits: limits, acts: acts).routes,
                authenticator, meters: meters, rules: rules, grace: settings.grace, logger: logger),
            parts: workerPool.parts + [
                .acknowledger(acknowledger), .view(view), .outstandingWork(gauges),
                .maintenance(of: log, every: .seconds(15), clock: clock, logger: logger),
                .callers(tokens, rules, limits), .acts(acts, role: "standalone", settings, tokens),
                .signatures(log, logger: logger), .embeddedLog(embedded),
                .tracing(tracer, client),
            ],
            maximumShutdown: settings.maximumShutdown, reloader: reloader)
    }
}
