import BackhaulDestinations
import BackhaulDomain
import BackhaulEmbedded
import BackhaulFiles
import BackhaulIngest
import BackhaulLog
import BackhaulPipelineKit
import BackhaulRecords
import BackhaulTestKit
import BackhaulTransfer
import BackhaulUnits
import Foundation
import Synchronization
import Testing

@testable import BackhaulAudit

/// An audit that never fails proves nothing: each test plants a fault that the audit must find and name.
@Suite("Audit of planted faults")
struct AuditTests {
    /// Submits `count` files, runs them to their results and passes the pipeline to `body`.
    private func withDone(_ count: Int, _ body: @escaping @Sendable (Pipeline, StubServer) async throws -> Void)
        async throws
    {
        let server = try StubServer { $0.method == "PUT" ? .store() : .fetch }
        defer { server.close() }
        try await withPipeline { pipeline in
            let drafts = try (0..<count).map {
                try pipeline.draft("\($0)", Array("content \($0)".utf8), to: .url(ByteText(server.url)), id: "\($0)")
            }
            _ = try await pipeline.ingest.accept(drafts)
            _ = try await pipeline.run { try await pipeline.results(count) }
            try await body(pipeline, server)
        }
    }

    @Test func auditOfCleanRunIsClean() async throws {
        try await withDone(50) { pipeline, _ in
            let report = try await pipeline.audit()
            #expect(report.isClean && report.accepted == 50 && report.results == 50 && report.stages.isEmpty)
        }
    }

    @Test func auditReportsMissingResult() async throws {
        try await withDone(20) { pipeline, _ in
            let faulty = FaultyLog(pipeline.log)
            faulty.hide { $0.position.partition.topic == pipeline.layout.results && Self.id($0) == "7" }
            let found = try await audit(pipeline, faulty)
            #expect(try found.tasks(.missing) == ["t/7/0"])
            #expect(!found.report.isClean)
        }
    }

    @Test func auditReportsDuplicateResult() async throws {
        try await withDone(20) { pipeline, _ in
            let stored = try #require(try await pipeline.records(pipeline.layout.results).first { Self.id($0) == "7" })
            _ = try await pipeline.log.append([
                AppendRequest(
                    topic: pipeline.layout.results, partitioning: .partition(stored.position.partition.partition),
                    record: stored.record)
            ])
            let found = try await audit(pipeline)
            #expect(try found.tasks(.duplicated) == ["t/7/0"])
            #expect(found.report.results == 21 && !found.report.isClean)
        }
    }

    @Test func auditReportsLostRetryRecord() async throws {
        let server = try StubServer { _ in .status(500) }
        defer { server.close() }
        let slow = RetryPolicy(
            tiers: [.seconds(60)], maxAttempts: 3, jitter: Ratio(clamping: 0), parkDelay: .milliseconds(100),
            breakerFailures: 100)
        try await withPipeline(policy: slow) { pipeline in
            let drafts = try (0..<10).map {
                try pipeline.draft("\($0)", [1], to: .url(ByteText(server.url)), id: "\($0)")
            }
            _ = try await pipeline.ingest.accept(drafts)
            try await pipeline.run {
                while try await pipeline.records(pipeline.layout.retry(.seconds(60))).count < 10 {
                    try await Task.sleep(for: .milliseconds(10))
                }
            }
            let before = try await pipeline.audit()
            #expect(before.isClean && before.stages == ["retry": 10])
            let faulty = FaultyLog(pipeline.log)
            faulty.hide { stored in
                pipeline.layout.tier(of: stored.position.partition.topic) != nil
                    && (try? TaskCodec.decode(stored.record.value))?.identity.id == "3"
            }
            let found = try await audit(pipeline, faulty)
            #expect(try found.tasks(.missing) == ["t/3/0"])
            #expect(found.report.count(.unfinished) == 9)
        }
    }

    /// An audit's report and findings.
    private struct Found {
        var report: AuditReport
        let database: AuditDatabase

        var verdict: AuditReport.Verdict { report.verdict }
        var verified: Int? { report.objects?.verified }

        func tasks(_ kind: AuditFinding.Kind) throws -> [String] {
            var tasks: [String] = []
            try database.findings(kind) { tasks.append($0.task) }
            return tasks
        }
    }

    private func audit(
        _ pipeline: Pipeline, _ log: (any MessageLog)? = nil, _ scope: AuditScope = AuditScope()
    ) async throws -> Found {
        let database = try AuditDatabase()
        let report = try await Audit(
            log: log ?? pipeline.log, layout: pipeline.layout, database: database, scope: scope
        ).run()
        return Found(report: report, database: database)
    }

    private func verify(
        _ pipeline: Pipeline, _ log: (any MessageLog)? = nil, _ scope: AuditScope = AuditScope()
    ) async throws -> Found {
        var found = try await audit(pipeline, nil, scope)
        let pool = ReaderPool()
        let engine = try TransferEngine(limits: .standard, egress: .privateNetworks, pool: pool)
        try await ObjectAudit(
            log: log ?? pipeline.log, layout: pipeline.layout, database: found.database, scope: scope,
            destinations: pipeline.destinations,
            runner: DialectRunner(engine: engine, pool: pool) { pipeline.clock.wall }
        ).run(&found.report)
        await engine.close()
        return found
    }

    /// An object that is not there while an upload to its key begins is not lost: it was looked at too early.
    @Test func objectThatIsReplacedMeanwhileIsNotLost() async throws {
        let isReplacing = Mutex(false)
        let server = try StubServer { request in
            guard request.method == "GET" else { return .store() }
            guard request.target.hasSuffix("3") else { return .fetch }
            isReplacing.withLock { $0 = true }
            return .status(404)
        }
        defer { server.close() }
        try await withPipeline { pipeline in
            let drafts = try (0..<5).map {
                try pipeline.draft("\($0)", [UInt8($0)], to: .url(ByteText(server.url)), id: "\($0)")
            }
            _ = try await pipeline.ingest.accept(drafts)
            _ = try await pipeline.run { try await pipeline.results(5) }
            let faulty = FaultyLog(pipeline.log)
            // As the log is while the task's next upload runs: accepted, and without its result.
            faulty.hide { stored in
                isReplacing.withLock { $0 } && stored.position.partition.topic == pipeline.layout.results
                    && Self.id(stored) == "3"
            }
            let found = try await verify(pipeline, faulty)
            #expect(found.report.count(.gone) == 0 && found.report.objects?.notLookedAt == 1 && found.verified == 4)
            #expect(try found.database.lost(after: 0, limit: 1).objects.isEmpty)
            #expect(found.verdict == .partly)
        }
    }

    @Test func auditReportsCorruptedObject() async throws {
        try await withDone(20) { pipeline, server in
            let clean = try await verify(pipeline)
            #expect(clean.verdict == .proven && clean.verified == 20)
            server.flip("7")
            let report = try await verify(pipeline)
            #expect(try report.tasks(.corrupted) == ["t/7/0"])
            #expect(report.verified == 19 && report.verdict == .loss)
        }
    }

    /// A destination that does not answer has lost nothing: not reached, refused, without a GET, with an error.
    @Test(arguments: [403, 405, 500, 503])
    func unreachableObjectIsNotLost(_ status: Int) async throws {
        let isWell = Mutex(true)
        let server = try StubServer { request in
            guard request.method == "GET" else { return .store() }
            return isWell.withLock { $0 } || request.target.hasSuffix("1") ? .fetch : .status(status)
        }
        defer { server.close() }
        try await withPipeline { pipeline in
            let drafts = try (0..<5).map {
                try pipeline.draft("\($0)", [UInt8($0)], to: .url(ByteText(server.url)), id: "\($0)")
            }
            _ = try await pipeline.ingest.accept(drafts)
            _ = try await pipeline.run { try await pipeline.results(5) }
            isWell.withLock { $0 = false }
            let report = try await verify(pipeline)
            #expect(report.report.count(.unreachable) == 4 && report.verified == 1 && report.verdict == .partly)
            #expect(!report.report.isProvenSoFar)
            server.close()
            let nothing = try await verify(pipeline)
            #expect(nothing.report.count(.unreachable) == 5 && nothing.verified == 0 && nothing.verdict == .notLooked)
        }
    }

    /// A destination that is down is not asked for each of its objects.
    @Test func deadDestinationIsGivenUp() async throws {
        try await withDone(200) { pipeline, server in
            server.close()
            let report = try await verify(pipeline)
            let asked = report.report.count(.unreachable)
            #expect((32...64).contains(asked) && report.report.objects?.notLookedAt == 200 - asked)
            #expect(report.verdict == .notLooked)
        }
    }

    @Test func goneObjectIsMissing() async throws {
        try await withDone(5) { pipeline, server in
            server.remove("3")
            let found = try await verify(pipeline)
            #expect(try found.tasks(.gone) == ["t/3/0"] && found.verified == 4 && found.verdict == .loss)
            let lost = try found.database.lost(after: 0, limit: 10).objects
            #expect(lost.map(\.task.description) == ["t/3/0"] && lost.first?.message.isEmpty == false)
            #expect(lost.first?.size == ByteCount(9) && lost.first?.key == "3")
            #expect(found.report.counts == [.gone: 1])
        }
    }

    /// A folder that is not mounted, or not there, has lost nothing; a file that is not in it is missing.
    @Test func folderThatIsNotMountedIsUnreachable() async throws {
        try await withTemporaryFolder { folder in
            let nas = folder + "/nas"
            let files = FileManager.default
            try files.createDirectory(atPath: nas, withIntermediateDirectories: true)
            try await withPipeline(destinations: ["nas": Destination(FolderDestination(path: nas))]) { pipeline in
                let drafts = try ["a", "b"].map { try pipeline.draft($0, [1], to: .named("nas"), id: ByteText($0)) }
                _ = try await pipeline.ingest.accept(drafts)
                _ = try await pipeline.run { try await pipeline.results(2) }
                #expect(try await verify(pipeline).verdict == .proven)
                try files.moveItem(atPath: nas, toPath: folder + "/away")
                #expect(try await verify(pipeline).verdict == .notLooked)
                try files.createDirectory(atPath: nas, withIntermediateDirectories: true)
                #expect(try await verify(pipeline).verdict == .notLooked)
                try files.removeItem(atPath: nas)
                try files.moveItem(atPath: folder + "/away", toPath: nas)
                try files.removeItem(atPath: nas + "/a")
                let report = try await verify(pipeline)
                #expect(try report.tasks(.gone) == ["t/a/0"] && report.verdict == .loss)
            }
        }
    }

    /// Two files under one key: the second has replaced the first, which is nowhere. A new version of one file is not
    /// that.
    @Test func overwrittenFileIsNamed() async throws {
        let server = try StubServer { $0.method == "PUT" ? .store() : .fetch }
        defer { server.close() }
        try await withPipeline { pipeline in
            func put(_ name: String, _ bytes: [UInt8], id: String, _ count: Int) async throws {
                _ = try await pipeline.ingest.accept([
                    try pipeline.draft(name, bytes, to: .url(ByteText(server.url)), key: "k", id: ByteText(id))
                ])
                _ = try await pipeline.run { try await pipeline.results(count) }
            }
            try await put("cam1", [1], id: "one", 1)
            try await put("cam1", [1, 2], id: "two", 2)
            #expect(try await verify(pipeline).verdict == .proven)
            try await put("cam2", [3], id: "three", 3)
            let report = try await verify(pipeline)
            #expect(try report.tasks(.overwritten) == ["t/two/0"] && report.verdict == .loss, "\(report.report)")
        }
    }

    /// Records that were removed before their group had read them are lost, whatever they were.
    @Test func recordsRemovedUnreadAreLoss() async throws {
        try await withDone(20) { pipeline, _ in
            let faulty = FaultyLog(pipeline.log)
            let partition = TopicPartition(topic: pipeline.layout.tasks, partition: 0)
            let position = try #require(try await pipeline.log.positions(of: pipeline.layout.workers)[partition])
            faulty.truncate(partition, to: position.frontier)
            #expect(try await audit(pipeline, faulty).report.isClean)
            faulty.truncate(partition, to: position.frontier + 3)
            let found = try await audit(pipeline, faulty)
            var unread: [String: Int64] = [:]
            try found.database.findings(.lostUnread) { unread[$0.place] = $0.records }
            #expect(unread == ["\(partition)": 3] && found.verdict == .loss)
            // Nobody knows of which batch they were.
            let batch = try await audit(pipeline, faulty, AuditScope(batch: ""))
            #expect(batch.report.isClean == (batch.report.count(.missing) == 0))
        }
    }

    @Test func failedTaskWithoutLetterIsNamed() async throws {
        let server = try StubServer { _ in .status(422) }
        defer { server.close() }
        try await withPipeline { pipeline in
            let drafts = try (0..<3).map {
                try pipeline.draft("\($0)", [1], to: .url(ByteText(server.url)), id: "\($0)")
            }
            _ = try await pipeline.ingest.accept(drafts)
            _ = try await pipeline.run { try await pipeline.results(3) }
            #expect(try await pipeline.audit().verdict == .proven)
            let faulty = FaultyLog(pipeline.log)
            faulty.hide { stored in
                stored.position.partition.topic == pipeline.layout.deadLetters
                    && DeadLetter(stored).task?.identity.id == "1"
            }
            let found = try await audit(pipeline, faulty)
            #expect(try found.tasks(.withoutLetter) == ["t/1/0"] && found.verdict == .loss)
        }
    }

    /// A log without a topic has nothing to prove with: another prefix must not look clean.
    @Test func auditNeedsEveryTopic() async throws {
        try await withPipeline { pipeline in
            await #expect(throws: LogError.unknownTopic("other.tasks")) {
                try await Audit(
                    log: pipeline.log, layout: TopicLayout(prefix: "other."), database: try AuditDatabase()
                ).run()
            }
        }
    }

    /// For two versions of one key, the newest accepted content must be stored.
    @Test func auditReportsStaleObject() async throws {
        let fails = Mutex(false)
        let server = try StubServer { $0.method == "PUT" ? (fails.withLock { $0 } ? .status(422) : .store()) : .fetch }
        defer { server.close() }
        try await withPipeline { pipeline in
            _ = try await pipeline.ingest.accept([
                try pipeline.draft("old", [1], to: .url(ByteText(server.url)), key: "k", id: "old")
            ])
            _ = try await pipeline.run { try await pipeline.results(1) }
            fails.withLock { $0 = true }
            try await Task.sleep(for: .milliseconds(5))
            _ = try await pipeline.ingest.accept([
                try pipeline.draft("new", [2], to: .url(ByteText(server.url)), key: "k", id: "new")
            ])
            _ = try await pipeline.run { try await pipeline.results(2) }
            let report = try await verify(pipeline)
            #expect(try report.tasks(.stale) == ["t/new/0"])
            #expect(!report.report.isClean)
        }
    }

    @Test func auditReportsTopicOfWaitingTasks() async throws {
        try await withPipeline { pipeline in
            let drafts = try (0..<5).map { try pipeline.draft("\($0)", [1], to: .named("nas"), id: "\($0)") }
            _ = try await pipeline.ingest.accept(drafts)
            let report = try await pipeline.audit()
            #expect(report.isClean && report.accepted == 5 && report.results == 0 && report.verdict == .partly)
            #expect(report.stages == ["tasks": 5])
        }
    }

    /// One id with two contents, as two clients may append them to a log that does not refuse known identities: one of
    /// the two has no result of its own.
    @Test func idWithTwoContentsIsNamed() async throws {
        try await withDone(3) { pipeline, _ in
            let stored = try #require(
                try await pipeline.records(pipeline.layout.tasks).first {
                    try TaskRecord.read($0.record).task.identity.id == "1"
                })
            var other = try TaskRecord.read(stored.record).task
            other.size = other.size + ByteCount(1)
            for task in [try TaskRecord.read(stored.record).task, other] {
                var request = try TaskRecord.accepted(task, topic: pipeline.layout.tasks, trace: nil)
                request.identity = nil
                _ = try await pipeline.log.append([request])
                // The same content twice is the same task.
                if task == other { continue }
                #expect(try await audit(pipeline).report.isClean)
            }
            let found = try await audit(pipeline)
            #expect(try found.tasks(.conflicting) == ["t/1/0"] && found.verdict == .loss)
        }
    }

    /// An audit of one batch says nothing of the others, except of a key that both have written to.
    @Test func batchIsAuditedAlone() async throws {
        let server = try StubServer { $0.method == "PUT" ? .store() : .fetch }
        defer { server.close() }
        try await withPipeline { pipeline in
            for (index, batch) in ["one", "one", "two"].enumerated() {
                var draft = try pipeline.draft(
                    "\(index)", [UInt8(index)], to: .url(ByteText(server.url)), id: ByteText("\(index)"))
                draft.batch = ByteText(batch)
                _ = try await pipeline.ingest.accept([draft])
            }
            _ = try await pipeline.run { try await pipeline.results(3) }
            server.flip("2")
            let one = try await verify(pipeline, nil, AuditScope(batch: "one"))
            #expect(one.report.accepted == 2 && one.report.results == 2 && one.verified == 2 && one.verdict == .proven)
            let two = try await verify(pipeline, nil, AuditScope(batch: "two"))
            #expect(try two.tasks(.corrupted) == ["t/2/0"] && two.report.accepted == 1 && two.verdict == .loss)
            #expect(try two.database.batches() == ["one", "two"])
        }
    }

    /// A sample has exactly its share of the objects, and at least one.
    @Test func sampleReadsItsShare() async throws {
        try await withDone(40) { pipeline, server in
            for (share, count) in [(0.1, 4), (0.001, 1), (1, 40)] {
                let asked = server.requests.count { $0.method == "GET" }
                let found = try await verify(pipeline, nil, AuditScope(sample: Ratio(clamping: share)))
                #expect(found.verified == count && found.report.objects?.notSampled == 40 - count)
                #expect(server.requests.count { $0.method == "GET" } == asked + count && found.verdict == .proven)
            }
        }
    }

    /// Every object is as likely to be chosen.
    @Test func sampleIsUniform() {
        var hits = Array(repeating: 0, count: 20)
        var numbers = SeededNumbers(seed: 7)
        for _ in 0..<2_000 {
            var sampler = Sampler(20, share: Ratio(clamping: 0.25), numbers: numbers)
            let taken = hits.indices.filter { _ in sampler.takes() }
            #expect(taken.count == 5)
            for index in taken { hits[index] += 1 }
            _ = numbers.next()
        }
        // 500 are expected of each, with a standard deviation of 19.
        #expect(hits.allSatisfy { (400...600).contains($0) }, "\(hits)")
    }

    private static func id(_ stored: StoredRecord) -> ByteText? {
        try? ResultRecord.read(stored.record).taskId
    }
}
