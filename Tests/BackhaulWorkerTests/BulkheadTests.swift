import BackhaulAudit
import BackhaulDestinations
import BackhaulDomain
import BackhaulIngest
import BackhaulPipelineKit
import BackhaulRecords
import BackhaulTestKit
import BackhaulUnits
import Foundation
import Synchronization
import Testing

/// What fails, hangs or refuses costs its own tasks no attempt and the others no slot.
@Suite("Bulkheads", .serialized)
struct BulkheadTests {
    private static let policy = RetryPolicy(
        tiers: [.milliseconds(100), .milliseconds(300)], maxAttempts: 3, jitter: Ratio(clamping: 0.1),
        parkDelay: .milliseconds(200), breakerFailures: 5)

    private func accept(_ pipeline: Pipeline, _ drafts: [TaskDraft]) async throws {
        _ = try await pipeline.ingest.accept(drafts)
    }

    /// A backlog meets a server that refuses everything for a while: nothing becomes a dead letter.
    @Test(.timeLimit(.minutes(2)), arguments: [401, 403, 404, 407, 500, 503, 507])
    func backlogOutlivesABadHour(_ status: Int) async throws {
        let isHealed = Mutex(false)
        let server = try StubServer { _ in isHealed.withLock { $0 } ? .store() : .status(status) }
        defer { server.close() }
        try await withPipeline(policy: Self.policy) { pipeline in
            try await accept(
                pipeline, try (0..<60).map { try pipeline.draft("\($0)", [1], to: .url(ByteText(server.url))) })
            let results = try await pipeline.run {
                try await Task.sleep(for: .seconds(2))
                isHealed.withLock { $0 = true }
                return try await pipeline.results(60)
            }
            // Those that failed before the breaker opened had an attempt each, and 404 is final for a few.
            let failed = results.filter { $0.status != "succeeded" }
            #expect(
                failed.count <= (status == 404 ? 5 : 0), "\(failed.map { "\($0.key) \($0.failure?.message ?? "")" })")
            #expect(results.allSatisfy { $0.attempts <= 2 })
            let outcomes = try await pipeline.outcomes().count
            #expect(outcomes < 120, "waiting writes nothing, \(outcomes) outcomes")
        }
    }

    /// A file that is refused while others are stored has failed.
    @Test(.timeLimit(.minutes(2))) func refusalOfOneFileAmongManyIsItsOwn() async throws {
        let server = try StubServer { $0.target.hasSuffix("/bad") ? .status(403) : .store() }
        defer { server.close() }
        try await withPipeline(policy: Self.policy) { pipeline in
            let names = ["bad"] + (0..<40).map(String.init)
            try await accept(pipeline, try names.map { try pipeline.draft($0, [1], to: .url(ByteText(server.url))) })
            let results = try await pipeline.run { try await pipeline.results(names.count) }
            #expect(results.filter { $0.status == "failed" }.map(\.key) == ["bad"])
            #expect(try await pipeline.audit().isClean)
        }
    }

    /// A server that accepts connections and answers nothing has a long backlog; the file of another is not behind it.
    @Test(.timeLimit(.minutes(2))) func hungServerStarvesNobody() async throws {
        let hung = try StubServer { _ in .stall(600) }
        defer { hung.close() }
        let well = try StubServer { _ in .store() }
        defer { well.close() }
        try await withPipeline(policy: Self.policy, partitions: 1) { pipeline in
            try await accept(
                pipeline, try (0..<300).map { try pipeline.draft("h\($0)", [1], to: .url(ByteText(hung.url))) })
            try await accept(
                pipeline, try (0..<20).map { try pipeline.draft("w\($0)", [1], to: .url(ByteText(well.url))) })
            let results = try await pipeline.run(grace: .zero, memoryWaits: 40) {
                let results = try await pipeline.results(20)
                return results
            }
            #expect(results.allSatisfy { $0.status == "succeeded" && $0.key.hasPrefix("w") })
        }
    }

    /// Of a root that is not mounted only the first task writes why it waits, and the others begin when it is back.
    @Test(.timeLimit(.minutes(2))) func missingRootWritesNothing() async throws {
        let server = try StubServer { _ in .store() }
        defer { server.close() }
        try await withPipeline(policy: Self.policy) { pipeline in
            try await accept(
                pipeline, try (0..<100).map { try pipeline.draft("\($0)", [1], to: .url(ByteText(server.url))) })
            let source = pipeline.folder + "/source"
            try FileManager.default.moveItem(atPath: source, toPath: source + ".away")
            let results = try await pipeline.run(memoryWaits: 10) {
                try await Task.sleep(for: .seconds(2))
                // Probes of tasks that are older than the worker have marks.
                let outcomes = try await pipeline.outcomes().filter { $0.kind == .retrying }
                #expect(outcomes.count <= 2, "\(outcomes.count) outcomes")
                try FileManager.default.moveItem(atPath: source + ".away", toPath: source)
                return try await pipeline.results(100)
            }
            #expect(results.allSatisfy { $0.status == "succeeded" && $0.attempts == 1 })
        }
    }

    /// A key that waits holds that key alone: behind the waits of one ordered destination others begin.
    @Test(.timeLimit(.minutes(2))) func orderedDestinationThatIsDownHoldsItsKeysAlone() async throws {
        let well = try StubServer { _ in .store() }
        defer { well.close() }
        let down = Destination(HTTPDestination(url: "http://127.0.0.1:9/"), order: .key)
        try await withPipeline(destinations: ["down": down], policy: Self.policy, partitions: 1) { pipeline in
            try await accept(
                pipeline,
                try (0..<500).map { try pipeline.draft("d\($0)", [1], to: .named("down"), key: ByteText("k\($0 % 3)")) }
            )
            try await accept(
                pipeline, try (0..<20).map { try pipeline.draft("w\($0)", [1], to: .url(ByteText(well.url))) })
            let results = try await pipeline.run(grace: .zero, memoryWaits: 20) { try await pipeline.results(20) }
            #expect(results.allSatisfy { $0.status == "succeeded" && $0.key.hasPrefix("w") })
        }
    }
}
