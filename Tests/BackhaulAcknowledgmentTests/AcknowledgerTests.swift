import BackhaulAcknowledgment
import BackhaulAudit
import BackhaulDomain
import BackhaulEmbedded
import BackhaulIngest
import BackhaulLog
import BackhaulPipelineKit
import BackhaulRecords
import BackhaulTelemetry
import BackhaulTestKit
import BackhaulUnits
import BackhaulView
import Foundation
import Logging
import Testing

@Suite("Acknowledgment")
struct AcknowledgerTests {
    private func outcome(_ id: String, _ kind: OutcomeKind, generation: Int = 0) -> Outcome {
        Outcome(
            kind: kind,
            task: TaskGeneration(identity: TaskIdentity(tenant: "t", id: ByteText(id)), generation: generation),
            batch: "b",
            destination: DestinationReference(target: .named("nas"), key: ByteText(id)), attempts: 1, crashes: 0,
            size: ByteCount(1), verification: kind == .succeeded ? "durable" : "", worker: "w", acceptedAt: 1,
            startedAt: 2,
            finishedAt: 3)
    }

    private func append(_ pipeline: Pipeline, _ outcomes: [Outcome]) async throws {
        _ = try await pipeline.log.append(
            try outcomes.map {
                AppendRequest(
                    topic: pipeline.layout.outcomes, partitioning: .hash(Array($0.task.identity.id.utf8)),
                    record: LogRecord(value: try OutcomeCodec.encode($0)))
            })
    }

    @Test func firstTerminalOutcomeBecomesResult() async throws {
        try await withPipeline { pipeline in
            try await append(
                pipeline,
                [
                    outcome("a", .retrying), outcome("a", .succeeded), outcome("a", .failed), outcome("b", .cancelled),
                    outcome("b", .succeeded), outcome("a", .failed, generation: 1),
                ])
            let results = try await pipeline.run { try await pipeline.results(3) }
            #expect(
                Set(results.map { "\($0.task) \($0.status)" }) == [
                    "t/a/0 succeeded", "t/b/0 cancelled", "t/a/1 failed",
                ])
        }
    }

    /// Outcomes of tasks that were submitted under the same id with different contents, in any order, in any batches,
    /// repeated, and with acknowledgers that come and go: each generation has one result, that of its first outcome,
    /// and each other content one conflict.
    @Test(arguments: 1...6 as ClosedRange<UInt64>)
    func otherContentsGetConflicts(_ seed: UInt64) async throws {
        try await withPipeline { pipeline in
            var numbers = SeededNumbers(seed: seed)
            var first: [String: Outcome] = [:]
            var others: [String: Set<[UInt8]>] = [:]
            for _ in 0..<4 {
                let outcomes = (0..<Int.random(in: 1...40, using: &numbers)).map { _ in
                    var outcome = outcome(
                        "\(Int.random(in: 0..<4, using: &numbers))",
                        [.succeeded, .failed, .cancelled, .retrying].randomElement(using: &numbers) ?? .failed,
                        generation: Int.random(in: 0...1, using: &numbers))
                    let content = UInt8.random(in: 0...3, using: &numbers)
                    // A cancel by a caller, and an outcome of version 0.1, do not tell.
                    if content > 0 { outcome.fingerprint = [UInt8](repeating: content, count: TaskFingerprint.size) }
                    return outcome
                }
                for outcome in outcomes where outcome.kind.isTerminal {
                    let name = outcome.task.description
                    guard let known = first[name] else {
                        first[name] = outcome
                        continue
                    }
                    if known.fingerprint.isEmpty || outcome.fingerprint.isEmpty { continue }
                    if known.fingerprint != outcome.fingerprint {
                        others[name, default: []].insert(outcome.fingerprint)
                    }
                }
                try await append(pipeline, outcomes)
                let expected = first.count + others.values.reduce(0) { $0 + $1.count }
                try await pipeline.run {
                    try await pipeline.settled(pipeline.layout.outcomes, by: pipeline.layout.acknowledgers)
                }
                let records = try await pipeline.records(pipeline.layout.results)
                #expect(records.count == expected)
            }
            var results: [String: String] = [:]
            var conflicts: [String: Set<[UInt8]>] = [:]
            for stored in try await pipeline.records(pipeline.layout.results) {
                if let (document, fingerprint) = ConflictRecord.read(stored.record) {
                    #expect(conflicts[document.task.description, default: []].insert(fingerprint).inserted)
                    #expect(ResultRecord.ending(stored.record) == nil)
                    #expect((try? ResultRecord.read(stored.record)) == nil)
                } else {
                    let result = try ResultRecord.read(stored.record)
                    #expect(results.updateValue(result.status, forKey: result.task.description) == nil)
                }
            }
            #expect(results == first.mapValues(\.kind.rawValue))
            #expect(conflicts == others)
        }
    }

    /// The time to safety is known for each class of tenants.
    @Test func durationsTellTheTenantsClass() async throws {
        try await withPipeline { pipeline in
            var entry = TenantRules.Entry("t")
            entry.tenantClass = "gold"
            var logger = Logger(label: "test")
            logger.logLevel = .critical
            let acknowledger = Acknowledger(
                log: pipeline.log, layout: pipeline.layout,
                indexes: try ResultIndexes(
                    folder: nil, isFed: false, log: pipeline.log, layout: pipeline.layout, logger: logger),
                clock: pipeline.clock, logger: logger, tenants: TenantRules([entry]))
            try await append(pipeline, [outcome("a", .succeeded)])
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await acknowledger.run() }
                _ = try await pipeline.results(1)
                await acknowledger.stop()
                try await group.waitForAll()
            }
            let durations = acknowledger.families.first { $0.name == "backhaul_task_duration_seconds" }
            let labels = durations?.samples.first?.labels.map { "\($0.name)=\($0.value)" } ?? []
            #expect(labels.contains("tenant_class=gold"), "\(labels)")
        }
    }

    /// The next acknowledger learns from the log alone what an earlier one recorded.
    @Test func successorWritesNoDuplicateResults() async throws {
        try await withPipeline { pipeline in
            for round in 0..<3 {
                try await append(
                    pipeline, (0..<50).map { outcome("\($0)", .succeeded) } + [outcome("round-\(round)", .failed)])
                _ = try await pipeline.run { try await pipeline.results(51 + round) }
            }
            #expect(try await pipeline.allResults().count == 53)
        }
    }

    /// A task whose result has aged out is forgotten completely. Submitted again, it is a new task with its own
    /// result, although the acknowledger ran throughout and its index held the first result.
    @Test func resubmissionAfterResultRetentionGetsNewResult() async throws {
        let logClock = ManualClock()
        let server = try StubServer { _ in .store() }
        defer { server.close() }
        try await withPipeline(logClock: logClock) { pipeline in
            let draft = try pipeline.draft("file", [1, 2, 3], to: .url(ByteText(server.url)))
            try await pipeline.run {
                for _ in 0..<3 {
                    guard case .accepted = try await pipeline.ingest.accept([draft]).first else {
                        Issue.record("the task was not accepted as new")
                        return
                    }
                    #expect(try await pipeline.results(1).map(\.status) == ["succeeded"])
                    guard case .known = try await pipeline.ingest.accept([draft]).first else {
                        Issue.record("the task is not known although its result is retained")
                        return
                    }
                    logClock.advance(by: Pipeline.resultsAge + .milliseconds(1))
                    try await pipeline.log.maintain()
                    #expect(try await pipeline.allResults().isEmpty)
                    #expect(try await pipeline.audit().isClean)
                }
            }
        }
    }

    /// Each partition's index knows its own results only: an outcome elsewhere would get its task a second result.
    @Test func outcomeInAnotherPartitionIsRefused() async throws {
        try await withPipeline(partitions: 4) { pipeline in
            let real = outcome("a", .succeeded)
            let own = Partitioner.partition(of: Array(real.task.identity.id.utf8), among: 4)
            for partition in 0..<4 where partition != own {
                _ = try await pipeline.log.append([
                    AppendRequest(
                        topic: pipeline.layout.outcomes, partitioning: .partition(partition),
                        record: LogRecord(value: try OutcomeCodec.encode(real)))
                ])
            }
            let others = (0..<20).map { outcome("b\($0)", .succeeded) }
            try await append(pipeline, [real, real] + others)
            let results = try await pipeline.run { try await pipeline.results(21) }
            #expect(results.filter { $0.taskId == "a" }.count == 1 && results.count == 21)
        }
    }

    @Test func malformedOutcomesAreSkipped() async throws {
        try await withPipeline(partitions: 1) { pipeline in
            var odds: [Outcome] = []
            for change: (inout Outcome) -> Void in [
                { $0.size = ByteCount(.max) }, { $0.batch = ByteText(String(repeating: "\u{1}", count: 300_000)) },
                { $0.task.identity.tenant = "\u{212a}evin" }, { $0.destination.key = "../x" },
                // What no worker reports.
                { $0.verification = "" }, { $0.verification = "read back" }, { $0.worker = "" }, { $0.attempts = 0 },
                { $0.worker = Outcome.callerPrefix + "me" }, { $0.failure = Failure(.transient, "x") },
                {
                    $0.kind = .failed
                    $0.verification = "durable"
                },
            ] {
                var odd = outcome("odd", .succeeded)
                change(&odd)
                odds.append(odd)
            }
            // Times out of range, which an `Outcome` cannot hold.
            let good = try OutcomeCodec.encode(outcome("odd", .succeeded))
            for (field, time) in [(14, Int64.min), (15, -1), (16, .max), (17, 253_402_300_800_000)] as [(UInt64, Int64)]
            {
                _ = try await pipeline.log.append([
                    AppendRequest(
                        topic: pipeline.layout.outcomes, partitioning: .partition(0),
                        record: LogRecord(value: good + ProtobufNumber.field(field, time)))
                ])
            }
            _ = try await pipeline.log.append([
                AppendRequest(
                    topic: pipeline.layout.outcomes, partitioning: .partition(0), record: LogRecord(value: [0xff])),
                AppendRequest(
                    topic: pipeline.layout.outcomes, partitioning: .partition(0), record: LogRecord(value: nil)),
            ])
            try await append(pipeline, odds + [outcome("a", .succeeded)])
            let results = try await pipeline.run { try await pipeline.results(1) }
            #expect(results.map(\.taskId) == ["a"])
        }
    }

    @Test func viewIsRebuiltFromLog() async throws {
        try await withPipeline { pipeline in
            let server = try StubServer { $0.target == "/bad" ? .status(422) : .store() }
            defer { server.close() }
            var drafts = try (0..<30).map { try pipeline.draft("\($0)", [1], to: .url(ByteText(server.url))) }
            drafts.append(try pipeline.draft("bad", [1], to: .url(ByteText(server.url))))
            drafts.append(try pipeline.draft("other", [1], to: .url(ByteText(server.url)), batch: "c"))
            _ = try await pipeline.ingest.accept(drafts)
            let path = pipeline.folder + "/view.sqlite"
            func counts() async throws -> StatusCounts {
                let view = try StatusView(
                    path: path, log: pipeline.log, layout: pipeline.layout, holdsTruncation: true,
                    logger: Logger(label: "test"))
                try await view.catchUp()
                let counts = try await view.counts(batch: "b", tenant: nil)
                try view.close()
                return counts
            }
            var waiting = StatusCounts()
            waiting.accepted = 31
            waiting.waiting = 31
            #expect(try await counts() == waiting)
            _ = try await pipeline.run { try await pipeline.results(32) }
            var ended = StatusCounts()
            ended.accepted = 31
            ended.succeeded = 30
            ended.failed = 1
            #expect(try await counts() == ended)
            for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + suffix) }
            #expect(try await counts() == ended)
            // A damaged view is rebuilt, too.
            for suffix in ["-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + suffix) }
            try Data("this is not a database, despite its file name".utf8).write(to: URL(fileURLWithPath: path))
            #expect(try await counts() == ended)
        }
    }
}
