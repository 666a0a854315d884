import BackhaulDestinations
import BackhaulFiles
import BackhaulLog
import BackhaulSettings
import BackhaulTelemetry
import BackhaulTransfer
import BackhaulWorker
import Foundation
import Logging

/// The workers of a process, each with its own transfer engine.
struct WorkerPool: Sendable {
    private let workers: [Worker]
    private let engines: [TransferEngine]
    private let destinations: LiveDestinations
    private let meters: WorkerMeters
    private let transferMeters: TransferMeters
    private let store: LocalStore
    private let settings: Settings
    private let logger = Logger(label: "backhaul.worker")

    private let servesAPI: Bool

    /// - Parameters:
    ///   - decisionsPerUpload: see `WorkerOptions`.
    ///   - servesAPI: see `Settings.workerDestinations`.
    init(
        log: any MessageLog, settings: Settings, count: Int, roots: SourceRoots, egress: EgressPolicy,
        decisionsPerUpload: Int, servesAPI: Bool, clock: any LogClock, tracer: Tracer?
    ) throws {
        self.servesAPI = servesAPI
        self.settings = settings
        let pool = ReaderPool()
        let store = LocalStore(pool: pool)
        self.store = store
        let transferMeters = TransferMeters()
        self.transferMeters = transferMeters
        let meters = WorkerMeters()
        self.meters = meters
        let engines = try (0..<count).map { _ in
            try TransferEngine(limits: settings.transfers, egress: egress, pool: pool, meters: transferMeters)
        }
        self.engines = engines
        let destinations = LiveDestinations(settings.workerDestinations(servesAPI: servesAPI))
        self.destinations = destinations
        workers = (0..<count).map { number in
            Worker(
                log: log,
                options: WorkerOptions(
                    name: "\(ProcessInfo.processInfo.hostName)-\(getpid())-\(number)", layout: settings.layout,
                    policy: settings.policy, uploads: settings.uploads, largeUploads: settings.largeUploads,
                    largeThreshold: settings.largeThreshold, markAfter: settings.markAfter,
                    reportEvery: settings.reportEvery, grace: settings.grace,
                    uploadsPerDestination: settings.uploadsPerDestination == 0
                        ? nil : settings.uploadsPerDestination,
                    uploadsPerTenant: settings.uploadsPerTenant == 0 ? nil : settings.uploadsPerTenant,
                    decisionsPerUpload: decisionsPerUpload, version: Version.text),
                execution: UploadExecution(
                    destinations: destinations, roots: roots,
                    runner: DialectRunner(engine: engines[number], pool: pool) { clock.wall }),
                meters: meters, tracer: tracer, clock: clock, logger: Logger(label: "backhaul.worker"))
        }
    }

    /// What operators should know although the workers run; nil for nothing.
    private var remark: String? { meters.remark }

    private var families: [MetricFamily] { meters.families + transferMeters.families }

    /// The pool as one part, and each worker as one.
    var parts: [RolePart] {
        [
            RolePart(
                remark: { remark }, metrics: { families }, reload: { await reload($0) }, drain: { await stop() },
                hurry: { await stop(grace: .zero) }, close: { await close() })
        ] + workers.map { worker in RolePart(run: { try await worker.run(onReady: $0) }, isAwaited: true) }
    }

    /// Removes what killed processes left in folder destinations.
    func sweep() async throws {
        for folder in settings.destinationTable.folders {
            let removed = try await store.sweep(folder)
            if removed > 0 {
                logger.notice(
                    "removed leftovers of a killed process", metadata: ["folder": "\(folder)", "files": "\(removed)"])
            }
        }
    }

    /// Applies new limits and destinations.
    private func reload(_ settings: Settings) async {
        destinations.replace(settings.workerDestinations(servesAPI: servesAPI))
        for engine in engines {
            await engine.resize(
                transfers: settings.transfers.transfers, perHost: settings.transfers.transfersPerHost)
        }
        for worker in workers { await worker.resize(uploads: settings.uploads, largeUploads: settings.largeUploads) }
    }

    private func stop(grace: Duration? = nil) async {
        await withDiscardingTaskGroup { group in
            for worker in workers { group.addTask { await worker.stop(grace: grace) } }
        }
    }

    private func close() async { for engine in engines { await engine.close() } }
}
