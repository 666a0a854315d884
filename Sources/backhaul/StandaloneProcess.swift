import BackhaulAcknowledgment
import BackhaulEmbedded
import BackhaulLog
import BackhaulSettings
import BackhaulTransfer
import BackhaulWorker
import Foundation
import Logging

/// The roles of a `standalone`: all of them, in one process, on the log that it owns.
enum StandaloneProcess {
    static func make(log: EmbeddedLog, settings: Settings, address: ListenAddress, workers: Int) async throws
        -> ServiceProcess
    {
        let crew = try WorkerCrew(
            log: log, settings: settings, count: workers, roots: settings.sourceRoots(folder: log.folder),
            egress: settings.egress(isLocal: address.isLoopback), decisionsPerUpload: 1)
        let clock = SystemLogClock()
        let acknowledger = Acknowledger(
            log: log, layout: settings.layout, clock: clock, logger: Logger(label: "backhaul.acknowledger"))
        let view = try StatusView(
            path: log.folder + "/view.sqlite", log: log, layout: settings.layout, holdsTruncation: true,
            logger: Logger(label: "backhaul.view"))
        try await crew.sweep()
        let logger = Logger(label: "backhaul.standalone")
        let gauges = OutstandingGauges(log, layout: settings.layout, clock: clock, logger: logger)
        return ServiceProcess(
            role: "standalone", address: address, facts: ["data": log.folder, "workers": "\(workers)"],
            metrics: { gauges.families },
            parts: crew.parts + [
                .init(run: { try await acknowledger.run(onReady: $0) }),
                .init(run: { _ in try await view.run() }, isAwaited: false),
                .init(run: { _ in try await gauges.run() }, isAwaited: false),
                .init(
                    run: { _ in try await Upkeep.run(log, every: 15_000, clock: clock, logger: logger) },
                    isAwaited: false),
            ],
            stop: .init(
                drain: {
                    await crew.stop()
                    await acknowledger.stop()
                    await crew.close()
                },
                hurry: { await crew.stop(grace: 0) },
                close: {
                    await log.close()
                    try? view.close()
                }))
    }
}
