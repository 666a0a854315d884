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

    @Test func auditReportsCorruptedObject() async throws {
        try await withDone(20) { pipeline, server in
            func verify() async throws -> AuditReport {
                var report = try await pipeline.audit()
                let pool = ReaderPool()
                let engine = try TransferEngine(limits: .standard, egress: .privateNetworks, pool: pool)
                try await ObjectAudit(
                    log: pipeline.log, layout: pipeline.layout, destinations: pipeline.destinations, engine: engine,
                    store: LocalStore(pool: pool)
                ).run(&report)
                await engine.close()
                return report
            }
            let clean = try await verify()
            #expect(clean.isClean && clean.verified == 20)
            server.flip("7")
            let report = try await verify()
            #expect(report.corrupted?.map(\.task) == ["t/7/0"])
            #expect(report.verified == 19 && !report.isClean)
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
            var report = try await pipeline.audit()
            let pool = ReaderPool()
            let engine = try TransferEngine(limits: .standard, egress: .privateNetworks, pool: pool)
            try await ObjectAudit(
                log: pipeline.log, layout: pipeline.layout, destinations: pipeline.destinations, engine: engine,
                store: LocalStore(pool: pool)
            ).run(&report)
            await engine.close()
            #expect(report.stale?.map(\.task) == ["t/new/0"])
            #expect(!report.isClean)
        }
    }

    @Test func auditReportsTopicOfWaitingTasks() async throws {
        try await withPipeline { pipeline in
            let drafts = try (0..<5).map { try pipeline.draft("\($0)", [1], to: .named("nas"), id: "\($0)") }
            _ = try await pipeline.ingest.accept(drafts)
            let report = try await pipeline.audit()
            #expect(report.isClean && report.accepted == 5 && report.results == 0)
            #expect(report.unfinished.map(\.place) == Array(repeating: "tasks", count: 5))
        }
    }

    private static func id(_ stored: StoredRecord) -> ByteText? {
        try? ResultRecord.read(stored.record).taskId
    }
}
