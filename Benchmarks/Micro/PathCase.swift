import BackhaulAcknowledgment
import BackhaulDestinations
import BackhaulDomain
import BackhaulEmbedded
import BackhaulFiles
import BackhaulIngest
import BackhaulLog
import BackhaulTransfer
internal import BackhaulUnits
import BackhaulWorker
import Dispatch
import Foundation
import Logging

/// One task's path: accepted, executed with a destination that drops, and acknowledged, on an embedded log in a
/// temporary folder, with all stages in this process. The work of all threads counts.
enum PathCase {
    static func make() -> Case {
        Case(name: "task-path", guarded: 1_000, isWhole: true) { count in
            let done = DispatchSemaphore(value: 0)
            let task = Task {
                do {
                    try await run(count)
                } catch {
                    try? FileHandle.standardError.write(contentsOf: Data("task-path: \(error)\n".utf8))
                    exit(1)
                }
                done.signal()
            }
            done.wait()
            withExtendedLifetime(task) {}
        }
    }

    private static func run(_ count: Int) async throws {
        let folder = FileManager.default.temporaryDirectory.path + "/backhaul-micro-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var logger = Logger(label: "micro") { _ in SwiftLogNoOpLogHandler() }
        logger.logLevel = .critical
        let clock = SystemLogClock()
        let layout = TopicLayout()
        let log = try EmbeddedLog(
            folder: folder, options: EmbeddedOptions(owns: true, durability: .fsync), clock: clock, logger: logger)
        try await log.ensure(topics(layout))
        let table = DestinationTable(["nowhere": Destination(DropDestination())], allowsURLs: false)
        let pool = ReaderPool()
        let engine = try TransferEngine(limits: .standard, egress: .privateNetworks, pool: pool)
        let worker = Worker(
            log: log,
            options: WorkerOptions(
                name: "micro", layout: layout,
                policy: RetryPolicy(
                    tiers: [.seconds(10)], maxAttempts: 3, jitter: Ratio(clamping: 0.1), parkDelay: .seconds(1)),
                decisionsPerUpload: 4),
            execution: UploadExecution(
                destinations: LiveDestinations(table),
                roots: SourceRoots(configured: [:], registry: nil, takesRegistered: false),
                runner: DialectRunner(engine: engine, pool: pool) { clock.wall }),
            clock: clock, logger: logger)
        let acknowledger = Acknowledger(
            log: log, layout: layout,
            indexes: try ResultIndexes(folder: nil, isFed: false, log: log, layout: layout, logger: logger),
            clock: clock,
            logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await worker.run() }
            group.addTask { try await acknowledger.run() }
            try await accept(count, log, layout, clock)
            try await wait(for: count, log, layout)
            await worker.stop(grace: .zero)
            await acknowledger.stop()
            try await group.waitForAll()
        }
        await engine.close()
        await log.close()
    }

    private static func accept(
        _ count: Int, _ log: EmbeddedLog, _ layout: TopicLayout, _ clock: SystemLogClock
    ) async throws {
        let ingest = Ingest(
            log: log, layout: layout, clock: clock, largeThreshold: ByteCount(64 << 20), isOrdered: { _ in false })
        for first in stride(from: 0, to: count, by: 500) {
            _ = try await ingest.accept(
                (first..<min(first + 500, count)).map { number in
                    TaskDraft(
                        tenant: "photos", batch: "micro",
                        source: SourceReference(root: "library", path: "\(number).jpg"),
                        destination: DestinationReference(target: .named("nowhere"), key: "\(number).jpg"),
                        size: ByteCount(1),
                        modifiedAt: FileTime(nanoseconds: 1))
                })
        }
    }

    private static func wait(for count: Int, _ log: EmbeddedLog, _ layout: TopicLayout) async throws {
        for await _ in await log.changes() {
            let ends = try await log.bounds(layout.results).map(\.end)
            if ends.reduce(0, +) >= count { return }
        }
    }

    private static func topics(_ layout: TopicLayout) -> [TopicSpecification] {
        func work(_ name: String, _ reader: String) -> TopicSpecification {
            TopicSpecification(
                name: name, partitions: 8, retention: .untilRead(by: [reader], atLeast: .milliseconds(1 << 40)))
        }
        return [
            work(layout.tasks, layout.workers), work(layout.largeTasks, layout.largeWorkers),
            work(layout.retry(.seconds(10)), layout.delays), work(layout.outcomes, layout.acknowledgers),
            TopicSpecification(name: layout.deadLetters, partitions: 8, retention: .age(.milliseconds(1 << 40))),
            TopicSpecification(name: layout.results, partitions: 8, retention: .age(.milliseconds(1 << 40))),
            TopicSpecification(name: layout.checkpoints, partitions: 8, retention: .compact),
            TopicSpecification(name: layout.control, partitions: 1, retention: .compact),
        ]
    }
}
