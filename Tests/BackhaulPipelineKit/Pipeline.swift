internal import BackhaulAcknowledgment
package import BackhaulAudit
package import BackhaulDestinations
package import BackhaulDomain
package import BackhaulEmbedded
package import BackhaulFiles
package import BackhaulIngest
package import BackhaulLog
package import BackhaulRecords
package import BackhaulReplay
internal import BackhaulTestKit
package import BackhaulTransfer
package import BackhaulUnits
internal import BackhaulWorker
internal import Foundation
internal import Logging

/// The whole pipeline in one process, on an embedded log in the test's own folder, with short delays.
package final class Pipeline: Sendable {
    package let folder: String
    package let log: EmbeddedLog
    /// The log as the roles use it: with signatures where the pipeline has keys.
    package let shared: any MessageLog
    package let layout = TopicLayout()
    package let clock = SystemLogClock()
    package let ingest: Ingest
    package let roots: SourceRoots
    package let destinations: DestinationTable
    package let policy: RetryPolicy
    private let logger: Logger

    package static let quickPolicy = RetryPolicy(
        tiers: [.milliseconds(100), .milliseconds(300)], maxAttempts: 3, jitter: Ratio(clamping: 0.1),
        parkDelay: .milliseconds(200), breakerFailures: 1_000_000)

    /// The retention of results.
    package static let resultsAge = Duration.milliseconds(1 << 40)

    package init(
        folder: String, destinations: [ByteText: Destination] = [:], policy: RetryPolicy = quickPolicy,
        partitions: Int = 4,
        largeThreshold: ByteCount = ByteCount(64 << 20), logClock: any LogClock = SystemLogClock(),
        signingKeys: SigningKeys? = nil, tenants: TenantRules = TenantRules()
    ) async throws {
        self.folder = folder
        self.policy = policy
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        self.logger = logger
        try FileManager.default.createDirectory(atPath: folder + "/source", withIntermediateDirectories: true)
        log = try EmbeddedLog(
            folder: folder + "/data", options: EmbeddedOptions(owns: true, durability: .process), clock: logClock,
            logger: logger)
        if let signingKeys {
            shared = SignedLog(log, keys: signingKeys, logger: logger)
        } else {
            shared = log
        }
        var topics = [
            TopicSpecification(
                name: layout.tasks, partitions: partitions,
                retention: .untilRead(by: [layout.workers], atLeast: .milliseconds(1 << 40))),
            TopicSpecification(
                name: layout.largeTasks, partitions: partitions,
                retention: .untilRead(by: [layout.largeWorkers], atLeast: .milliseconds(1 << 40))),
            TopicSpecification(
                name: layout.deadLetters, partitions: partitions, retention: .age(.milliseconds(1 << 40))),
            TopicSpecification(
                name: layout.outcomes, partitions: partitions,
                retention: .untilRead(by: [layout.acknowledgers], atLeast: .milliseconds(1 << 40))),
            TopicSpecification(name: layout.results, partitions: partitions, retention: .age(Self.resultsAge)),
            TopicSpecification(name: layout.checkpoints, partitions: partitions, retention: .compact),
            TopicSpecification(name: layout.control, partitions: 1, retention: .compact),
            TopicSpecification(name: layout.acts, partitions: partitions, retention: .age(Self.resultsAge)),
        ]
        for tier in policy.tiers {
            topics.append(
                TopicSpecification(
                    name: layout.retry(tier), partitions: partitions,
                    retention: .untilRead(by: [layout.delays], atLeast: .milliseconds(1 << 40))))
        }
        try await log.ensure(topics)
        let table = DestinationTable(destinations, allowsURLs: true, tenants: tenants)
        self.destinations = table
        roots = SourceRoots(
            configured: ["src": .init(path: folder + "/source")], registry: folder + "/data/roots",
            takesRegistered: false)
        ingest = Ingest(
            log: shared, layout: layout, clock: clock, largeThreshold: largeThreshold,
            isOrdered: { (try? table.resolve($0))?.order == .key })
    }

    // MARK: Submitting

    /// Writes a source file and returns the draft that submits it.
    package func draft(
        _ name: String, _ bytes: [UInt8], to target: DestinationReference.Target, key: ByteText? = nil,
        batch: ByteText = "b", id: ByteText? = nil, deadline: Timestamp? = nil
    ) throws -> TaskDraft {
        let path = folder + "/source/" + name
        try FileManager.default.createDirectory(
            atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        var status = stat()
        guard stat(path, &status) == 0 else { throw CocoaError(.fileNoSuchFile) }
        return TaskDraft(
            tenant: "t", id: id, batch: batch, source: SourceReference(root: "src", path: ByteText(name)),
            destination: DestinationReference(target: target, key: key ?? ByteText(name)),
            size: ByteCount(clamping: bytes.count),
            modifiedAt: FileTime(seconds: status.st_mtim.tv_sec, nanoseconds: status.st_mtim.tv_nsec),
            deadline: deadline)
    }

    // MARK: Running

    /// Runs workers and an acknowledger while `body` runs, then stops them cleanly.
    package func run<Value: Sendable>(
        workers: Int = 1, uploads: Int = 8, markAfter: Duration = .seconds(5), grace: Duration = .seconds(2),
        memoryWaits: Int = 10_000,
        largeThreshold: ByteCount = ByteCount(64 << 20), limits: TransferLimits = .standard,
        egress: EgressPolicy = .privateNetworks, acknowledges: Bool = true,
        _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let pool = ReaderPool()
        let engine = try TransferEngine(limits: limits, egress: egress, pool: pool)
        let roles = (0..<workers).map { number in
            Worker(
                log: shared,
                options: WorkerOptions(
                    name: "w\(number)", layout: layout, policy: policy, uploads: uploads, largeUploads: 2,
                    largeThreshold: largeThreshold, markAfter: markAfter, grace: grace, memoryWaits: memoryWaits),
                execution: UploadExecution(
                    destinations: LiveDestinations(destinations), roots: roots,
                    runner: DialectRunner(engine: engine, pool: pool) { [clock] in clock.wall }),
                clock: clock, logger: logger)
        }
        let acknowledger = Acknowledger(
            log: shared, layout: layout,
            indexes: try ResultIndexes(folder: nil, isFed: false, log: shared, layout: layout, logger: logger),
            clock: clock,
            logger: logger)
        let replays = replay.runner(process: "test", logger: logger)
        let value = try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask {
                try await replays.run()
                return nil
            }
            for role in roles {
                group.addTask {
                    try await role.run()
                    return nil
                }
            }
            if acknowledges {
                group.addTask {
                    try await acknowledger.run()
                    return nil
                }
            }
            group.addTask {
                let result: Result<Value, any Error>
                do { result = .success(try await body()) } catch { result = .failure(error) }
                for role in roles { await role.stop() }
                await acknowledger.stop()
                await replays.stop()
                return try result.get()
            }
            var found: Value?
            while let value = try await group.next() { found = value ?? found }
            return found
        }
        await engine.close()
        guard let value else { throw CancellationError() }
        return value
    }

    /// Waits until the log holds `count` results, and returns all of them.
    package func results(_ count: Int, within seconds: Double = 300) async throws -> [ResultDocument] {
        let changes = await log.changes()
        return try await bounded(seconds, "\(count) results") {
            var found = try await self.allResults()
            if found.count >= count { return found }
            for await _ in changes {
                found = try await self.allResults()
                if found.count >= count { return found }
            }
            return found
        }
    }

    /// Waits until a group has finished all records of a topic.
    package func settled(_ topic: String, by group: String) async throws {
        try await bounded(300, "the end of \(topic)") {
            func isSettled() async throws -> Bool {
                let positions = try await self.log.positions(of: group)
                return try await self.log.bounds(topic).allSatisfy { bounds in
                    bounds.end == bounds.earliest || (positions[bounds.partition]?.frontier ?? 0) >= bounds.end
                }
            }
            // A position that moves without a record raises no change of the log.
            while try await !isSettled() { try await Task.sleep(for: .milliseconds(10)) }
        }
    }

    private func bounded<Value: Sendable>(
        _ seconds: Double, _ what: String, _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        try await within(seconds, what, body)
    }

    // MARK: Reading

    package func records(_ topic: String) async throws -> [StoredRecord] {
        var all: [StoredRecord] = []
        for bounds in try await shared.bounds(topic) { try await shared.scan(bounds.partition) { all += $0 } }
        return all
    }

    package func allResults() async throws -> [ResultDocument] {
        try await records(layout.results).map { try ResultRecord.read($0.record) }
    }

    package func outcomes() async throws -> [Outcome] {
        try await records(layout.outcomes).map { try OutcomeRecord.read($0.record) }
    }

    /// The keys of the cancel requests that the control topic holds.
    package func openCancelRequests() async throws -> Set<String> {
        var open: Set<String> = []
        for stored in try await records(layout.control) where CancelRecord.read(stored.record) != nil {
            let key = String(decoding: stored.record.key ?? [], as: UTF8.self)
            if stored.record.value == nil { open.remove(key) } else { open.insert(key) }
        }
        return open
    }

    package func deadLetters() async throws -> [DeadLetter] {
        try await records(layout.deadLetters).map(DeadLetter.init)
    }

    package func audit() async throws -> AuditReport {
        try await Audit(log: shared, layout: layout, database: try AuditDatabase()).run()
    }

    package var replay: Replay {
        let table = destinations
        return Replay(
            log: shared, layout: layout, clock: clock, largeThreshold: ByteCount(64 << 20),
            isOrdered: { (try? table.resolve($0))?.order == .key })
    }

    /// Begins a replay, and runs it as far as it goes without results.
    package func replay(
        _ selection: LetterSelection = LetterSelection(), topic: String? = nil, to destination: ByteText? = nil,
        pace: ReplayPace = ReplayPace()
    ) async throws -> ReplayBook.Entry {
        let record = try await replay.begin(
            .replay, selection, topic: topic, by: "test", reason: "", to: destination, pace: pace)
        try await runReplays()
        return try await entry(record.id)
    }

    /// Runs replays as far as they go without results.
    package func runReplays() async throws {
        try await replay.runner(process: "test", logger: logger).run(whileBusy: true)
    }

    package func entry(_ id: String) async throws -> ReplayBook.Entry {
        guard let entry = try await replay.book().entries[id] else { throw LogError.unavailable("no replay \(id)") }
        return entry
    }

    /// Waits until the log says that a replay has come to a phase.
    package func phase(
        _ phase: ReplayState.Phase, of id: String, within seconds: Double = 60
    ) async throws -> ReplayBook.Entry {
        let changes = await log.changes()
        return try await bounded(seconds, "phase \(phase) of \(id)") {
            var entry = try await self.entry(id)
            if entry.state?.phase == phase { return entry }
            for await _ in changes {
                entry = try await self.entry(id)
                if entry.state?.phase == phase { return entry }
            }
            return entry
        }
    }

    package func close() async { await log.close() }
}

/// Runs `body` with a pipeline in its own folder, then closes and removes it.
package func withPipeline(
    destinations: [ByteText: Destination] = [:], policy: RetryPolicy = Pipeline.quickPolicy, partitions: Int = 4,
    largeThreshold: ByteCount = ByteCount(64 << 20), logClock: any LogClock = SystemLogClock(),
    signingKeys: SigningKeys? = nil, tenants: TenantRules = TenantRules(),
    _ body: @escaping @Sendable (Pipeline) async throws -> Void
) async throws {
    try await withTemporaryFolder { folder in
        let pipeline = try await Pipeline(
            folder: folder, destinations: destinations, policy: policy, partitions: partitions,
            largeThreshold: largeThreshold, logClock: logClock, signingKeys: signingKeys, tenants: tenants)
        do {
            try await body(pipeline)
        } catch {
            await pipeline.close()
            throw error
        }
        await pipeline.close()
    }
}
