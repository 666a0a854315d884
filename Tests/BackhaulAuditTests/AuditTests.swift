import BackhaulAudit
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
            #expect(report.isClean && report.accepted == 50 && report.results == 50 && report.unfinished.isEmpty)
        }
    }

    @Test func auditReportsMissingResult() async throws {
        try await withDone(20) { pipeline, _ in
            let faulty = FaultyLog(pipeline.log)
            faulty.hide { $0.position.partition.topic == pipeline.layout.results && Self.id($0) == "7" }
            let report = try await Audit(log: faulty, layout: pipeline.layout).run()
            #expect(report.missing == ["t/7/0"])
            #expect(!report.isClean)
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
            let report = try await pipeline.audit()
            #expect(report.duplicated == ["t/7/0"])
            #expect(report.results == 21 && !report.isClean)
        }
    }

    @Test func auditReportsLostRetryRecord() async throws {
        let server = try StubServer { _ in .status(500) }
        defer { server.close() }
        let slow = RetryPolicy(
            tiers: [.seconds(60)], maxAttempts: 3, jitter: Ratio(clamping: 0), parkDelay: .milliseconds(100))
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
            #expect(before.isClean && before.unfinished.count == 10)
            #expect(before.unfinished.allSatisfy { $0.place == "retry" })
            let faulty = FaultyLog(pipeline.log)
            faulty.hide { stored in
                pipeline.layout.tier(of: stored.position.partition.topic) != nil
                    && (try? TaskCodec.decode(stored.record.value))?.identity.id == "3"
            }
            let report = try await Audit(log: faulty, layout: pipeline.layout).run()
            #expect(report.missing == ["t/3/0"])
            #expect(report.unfinished.count == 9)
        }
    }

    private func verify(_ pipeline: Pipeline) async throws -> AuditReport {
        try await verify(pipeline, pipeline.log).report
    }

    private func verify(
        _ pipeline: Pipeline, _ log: any MessageLog
    ) async throws -> (report: AuditReport, lost: [ObjectAudit.Lost]) {
        var report = try await pipeline.audit()
        let pool = ReaderPool()
        let engine = try TransferEngine(limits: .standard, egress: .privateNetworks, pool: pool)
        let lost = try await ObjectAudit(
            log: log, layout: pipeline.layout, destinations: pipeline.destinations, engine: engine,
            store: LocalStore(pool: pool)
        ).run(&report)
        await engine.close()
        return (report, lost)
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
            let (report, lost) = try await verify(pipeline, faulty)
            #expect(report.gone == [] && lost.isEmpty && report.notLookedAt == 1 && report.verified == 4)
            #expect(report.verdict == .partly)
        }
    }

    @Test func auditReportsCorruptedObject() async throws {
        try await withDone(20) { pipeline, server in
            let clean = try await verify(pipeline)
            #expect(clean.verdict == .proven && clean.verified == 20)
            server.flip("7")
            let report = try await verify(pipeline)
            #expect(report.corrupted?.map(\.task) == ["t/7/0"])
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
            #expect(report.unreachable?.count == 4 && report.verified == 1 && report.verdict == .partly)
            server.close()
            let nothing = try await verify(pipeline)
            #expect(nothing.unreachable?.count == 5 && nothing.verified == 0 && nothing.verdict == .notLooked)
        }
    }

    /// A destination that is down is not asked for each of its objects.
    @Test func deadDestinationIsGivenUp() async throws {
        try await withDone(200) { pipeline, server in
            server.close()
            let report = try await verify(pipeline)
            let asked = report.unreachable?.count ?? 0
            #expect((32...64).contains(asked) && report.notLookedAt == 200 - asked && report.verdict == .notLooked)
        }
    }

    @Test func goneObjectIsMissing() async throws {
        try await withDone(5) { pipeline, server in
            server.remove("3")
            let (report, lost) = try await verify(pipeline, pipeline.log)
            #expect(report.gone?.map(\.task) == ["t/3/0"] && report.verified == 4 && report.verdict == .loss)
            #expect(lost.map(\.task.description) == ["t/3/0"] && lost.first?.message.isEmpty == false)
            #expect(report.corrupted == [] && report.unreachable == [])
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
                #expect(report.gone?.map(\.task) == ["t/a/0"] && report.verdict == .loss)
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
            #expect(report.overwritten?.map(\.task) == ["t/two/0"] && report.verdict == .loss, "\(report)")
        }
    }

    /// Records that were removed before their group had read them are lost, whatever they were.
    @Test func recordsRemovedUnreadAreLoss() async throws {
        try await withDone(20) { pipeline, _ in
            let faulty = FaultyLog(pipeline.log)
            let partition = TopicPartition(topic: pipeline.layout.tasks, partition: 0)
            let position = try #require(try await pipeline.log.positions(of: pipeline.layout.workers)[partition])
            faulty.truncate(partition, to: position.frontier)
            #expect(try await Audit(log: faulty, layout: pipeline.layout).run().lostUnread.isEmpty)
            faulty.truncate(partition, to: position.frontier + 3)
            let report = try await Audit(log: faulty, layout: pipeline.layout).run()
            #expect(report.lostUnread == [.init(partition: "\(partition)", records: 3)])
            #expect(report.verdict == .loss)
        }
    }

    @Test func failedTaskWithoutLetterIsNamed() async throws {
        let server = try StubServer { _ in .status(403) }
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
            let report = try await Audit(log: faulty, layout: pipeline.layout).run()
            #expect(report.withoutLetter == ["t/1/0"] && report.verdict == .loss)
        }
    }

    /// A log without a topic has nothing to prove with: another prefix must not look clean.
    @Test func auditNeedsEveryTopic() async throws {
        try await withPipeline { pipeline in
            await #expect(throws: LogError.unknownTopic("other.tasks")) {
                try await Audit(log: pipeline.log, layout: TopicLayout(prefix: "other.")).run()
            }
        }
    }

    /// For two versions of one key, the newest accepted content must be stored.
    @Test func auditReportsStaleObject() async throws {
        let fails = Mutex(false)
        let server = try StubServer { $0.method == "PUT" ? (fails.withLock { $0 } ? .status(403) : .store()) : .fetch }
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
            #expect(report.stale?.map(\.task) == ["t/new/0"])
            #expect(!report.isClean)
        }
    }

    @Test func auditReportsTopicOfWaitingTasks() async throws {
        try await withPipeline { pipeline in
            let drafts = try (0..<5).map { try pipeline.draft("\($0)", [1], to: .named("nas"), id: "\($0)") }
            _ = try await pipeline.ingest.accept(drafts)
            let report = try await pipeline.audit()
            #expect(report.isClean && report.accepted == 5 && report.results == 0 && report.verdict == .partly)
            #expect(report.unfinished.map(\.place) == Array(repeating: "tasks", count: 5))
        }
    }

    private static func id(_ stored: StoredRecord) -> ByteText? {
        try? ResultRecord.read(stored.record).taskId
    }
}
