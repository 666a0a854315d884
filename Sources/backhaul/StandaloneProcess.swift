import BackhaulAcknowledgment
import BackhaulDestinations
import BackhaulEmbedded
import BackhaulLog
import BackhaulSettings
import BackhaulTelemetry
import BackhaulTransfer
import BackhaulWorker
import Foundation
import Logging
import Synchronization

/// The roles of a `standalone`, and the order in which they start and stop.
final class StandaloneProcess: Sendable {
    private let log: EmbeddedLog
    private let settings: Settings
    private let address: ListenAddress
    private let workers: [Worker]
    private let engines: [TransferEngine]
    private let acknowledger: Acknowledger
    private let view: StatusView
    private let health: HealthServer
    private let store: LocalStore
    private let clock = SystemLogClock()
    private let logger = Logger(label: "backhaul.standalone")

    init(log: EmbeddedLog, settings: Settings, address: ListenAddress, workers count: Int) throws {
        self.log = log
        self.settings = settings
        self.address = address
        let pool = ReaderPool()
        let store = LocalStore(pool: pool)
        self.store = store
        let clock = clock
        let engines = try (0..<count).map { _ in
            try TransferEngine(
                limits: settings.transfers, egress: settings.egress(isLocal: address.isLoopback), pool: pool)
        }
        self.engines = engines
        workers = (0..<count).map { number in
            Worker(
                log: log,
                options: WorkerOptions(
                    name: "\(ProcessInfo.processInfo.hostName)-\(getpid())-\(number)", layout: settings.layout,
                    policy: settings.policy, uploads: settings.uploads, largeUploads: settings.largeUploads,
                    largeThreshold: settings.largeThreshold, markAfter: settings.markAfter, grace: settings.grace),
                execution: UploadExecution(
                    destinations: settings.destinationTable, roots: settings.sourceRoots(folder: log.folder),
                    engine: engines[number], store: store, pool: pool),
                clock: clock, logger: Logger(label: "backhaul.worker"))
        }
        acknowledger = Acknowledger(
            log: log, layout: settings.layout, clock: clock, logger: Logger(label: "backhaul.acknowledger"))
        view = try StatusView(
            path: log.folder + "/view.sqlite", log: log, layout: settings.layout, logger: Logger(label: "backhaul.view")
        )
        health = try HealthServer(address)
    }

    /// Serves until a signal, then drains.
    func run() async throws {
        let signals = SignalStream.make()
        for folder in settings.destinationTable.folders {
            let removed = try await store.sweep(folder)
            if removed > 0 {
                logger.notice(
                    "removed leftovers of a killed process", metadata: ["folder": "\(folder)", "files": "\(removed)"])
            }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.health.run() }
            try await raceListening(&group)
            let ready = Mutex(0)
            let roles = workers.count + 1
            let isReady: @Sendable () -> Void = {
                let count = ready.withLock { count in
                    count += 1
                    return count
                }
                if count == roles { self.announce() }
            }
            for worker in workers { group.addTask { try await worker.run(onReady: isReady) } }
            group.addTask { try await self.acknowledger.run(onReady: isReady) }
            group.addTask { try await self.view.run() }
            group.addTask { try await self.maintain() }
            group.addTask { try await self.stop(at: signals) }
            do {
                // The first that ends with an error ends all: `waitForAll` would wait for the others first.
                while try await group.next() != nil {}
            } catch is Stopped {
                group.cancelAll()
            }
        }
        await log.close()
        try? view.close()
    }

    /// Thrown once everything has stopped in order, to end the roles that only serve.
    private struct Stopped: Error {}

    private func raceListening(_ group: inout ThrowingTaskGroup<Void, any Error>) async throws {
        do {
            try await health.waitUntilListening()
        } catch {
            // The server's own error says more than the wait's.
            try await group.next()
            throw error
        }
    }

    private func announce() {
        health.setReady(true)
        // Past the level: whoever started the process waits for this line.
        let line = JSONLogHandler.line(
            level: .notice, message: "ready", label: "backhaul.standalone",
            metadata: [
                "role": "standalone", "listen": "\(address)", "data": "\(log.folder)", "workers": "\(workers.count)",
                "version": "\(Version.text)", "libcurl": "\(CurlGlobal.version)", "pid": "\(getpid())",
            ])
        try? FileHandle.standardError.write(contentsOf: line)
    }

    /// Not ready → stop taking → finish or hand back → settle → leave.
    private func stop(at signals: AsyncStream<Int32>) async throws {
        var iterator = signals.makeAsyncIterator()
        guard let first = await iterator.next() else { return }
        logger.notice("stopping", metadata: ["signal": "\(first)", "grace_ms": "\(settings.grace)"])
        health.setReady(false)
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                await withDiscardingTaskGroup { stops in
                    for worker in self.workers { stops.addTask { await worker.stop() } }
                }
            }
            // A second signal hurries: uploads under way are interrupted, which costs them no attempt.
            group.addTask {
                for await _ in SignalStream.make() {
                    for worker in self.workers { await worker.stop(grace: 0) }
                }
            }
            await group.next()
            group.cancelAll()
        }
        await acknowledger.stop()
        for engine in engines { await engine.close() }
        logger.notice("stopped")
        throw Stopped()
    }

    /// Upkeep of the log; also what looks after appends of a process that died before it could tell.
    private func maintain() async throws {
        while true {
            do {
                try await log.maintain()
            } catch let error as LogError {
                if case .damaged = error { throw error }
                logger.warning("upkeep of the log failed", metadata: ["error": "\(error)"])
            }
            try await clock.sleep(until: clock.now + 15_000)
        }
    }
}
