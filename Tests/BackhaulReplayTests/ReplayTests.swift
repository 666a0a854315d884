import BackhaulAudit
import BackhaulDomain
import BackhaulEmbedded
import BackhaulIngest
import BackhaulLog
import BackhaulPipelineKit
import BackhaulRecords
import BackhaulReplay
import BackhaulTestKit
import Testing

@Suite("Replay")
struct ReplayTests {
    private func withDead(_ count: Int, _ body: @escaping @Sendable (Pipeline) async throws -> Void) async throws {
        let server = try StubServer { _ in .status(422) }
        defer { server.close() }
        try await withPipeline { pipeline in
            let drafts = try (0..<count).map {
                try pipeline.draft(
                    "\($0)", [1, 2], to: .url(ByteText(server.url)), batch: $0 % 2 == 0 ? "even" : "odd", id: "\($0)")
            }
            _ = try await pipeline.ingest.accept(drafts)
            _ = try await pipeline.run { try await pipeline.results(count) }
            try await body(pipeline)
        }
    }

    @Test func dryRunAppendsNothing() async throws {
        try await withDead(10) { pipeline in
            let summary = try await pipeline.replay.run(.init(batch: "even"), appends: false, rate: nil)
            #expect(summary.selected == 5 && summary.size == 10 && summary.replayed == 0)
            #expect(try await pipeline.records(pipeline.layout.tasks).count == 10)
        }
    }

    @Test func secondReplaySkipsReplayedLetters() async throws {
        try await withDead(10) { pipeline in
            #expect(try await pipeline.replay.run(.init(failure: "permanent"), appends: true, rate: nil).replayed == 10)
            let second = try await pipeline.replay.run(.init(), appends: true, rate: nil)
            #expect(second.replayed == 0 && second.skipped == 10)
            // The replayed generation fails too: its own dead letter can be replayed, the first one cannot be
            // replayed again.
            _ = try await pipeline.run { try await pipeline.results(20) }
            let third = try await pipeline.replay.run(.init(), appends: true, rate: 1_000)
            #expect(third.replayed == 10 && third.skipped == 10)
            let results = try await pipeline.run { try await pipeline.results(30) }
            #expect(results.filter { $0.generation == 2 }.count == 10)
            #expect(try await pipeline.audit().isClean)
        }
    }

    /// Counts at their upper bound stay there: the task ends like any other, and a task without a next generation
    /// is not replayed into a record that no reader could decode.
    @Test(arguments: [true, false]) func replayStopsAtLastGeneration(succeeds: Bool) async throws {
        let server = try StubServer { _ in succeeds ? .store() : .status(400) }
        defer { server.close() }
        try await withPipeline { pipeline in
            let end = Domain.counts.upperBound
            _ = try await pipeline.ingest.accept([try pipeline.draft("a", [1], to: .url(ByteText(server.url)))])
            var record = try #require(try await pipeline.records(pipeline.layout.tasks).first).record
            for name in [HeaderName.generation, HeaderName.attempts] {
                record.headers.append(LogHeader(name, text: String(end)))
            }
            _ = try await pipeline.log.append([
                AppendRequest(topic: pipeline.layout.tasks, partitioning: .partition(0), record: record)
            ])
            let results = try await pipeline.run { try await pipeline.results(2) }
            let last = try #require(results.first { $0.generation == end })
            #expect(last.attempts == end)
            #expect(last.status == (succeeds ? "succeeded" : "failed"))
            let summary = try await pipeline.replay.run(.init(), appends: true, rate: nil)
            #expect(summary.replayed == (succeeds ? 0 : 1) && summary.malformed == (succeeds ? 0 : 1))
            try await pipeline.replay.letters(.init()) { letter, isReplayed in
                if letter.generation?.generation == end { #expect(!isReplayed) }
            }
            #expect(try await pipeline.audit().isClean)
        }
    }

    @Test func emptyReplaySucceeds() async throws {
        try await withPipeline { pipeline in
            let summary = try await pipeline.replay.run(.init(batch: "x"), appends: true, rate: nil)
            #expect(summary == Replay.Summary())
        }
    }

    @Test func filterConditionsAreCombined() async throws {
        try await withDead(4) { pipeline in
            func count(_ filter: DeadLetterFilter) async throws -> Int {
                try await pipeline.replay.run(filter, appends: false, rate: nil).selected
            }
            let counts = [
                try await count(.init(taskID: "1")), try await count(.init(batch: "even", taskID: "1")),
                try await count(.init(tenant: "other")), try await count(.init(failure: "transient")),
            ]
            #expect(counts == [1, 0, 0, 0])
        }
    }
}
