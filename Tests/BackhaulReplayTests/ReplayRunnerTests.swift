import BackhaulDomain
import BackhaulEmbedded
import BackhaulIngest
import BackhaulLog
import BackhaulPipelineKit
import BackhaulRecords
import BackhaulReplay
import BackhaulTestKit
import BackhaulUnits
import Logging
import Testing

@Suite("Replay runner")
struct ReplayRunnerTests {
    private var logger: Logger {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        return logger
    }

    /// Writes dead letters, half of them of another destination.
    private func write(_ count: Int, to pipeline: Pipeline) async throws {
        for number in 0..<count {
            let draft = try pipeline.draft(
                "f", [1], to: .named(number % 2 == 0 ? "even" : "odd"), key: ByteText("k\(number)"),
                id: ByteText("\(number)"))
            let task = UploadTask(
                identity: TaskIdentity(tenant: draft.tenant, id: draft.id ?? ""), batch: draft.batch,
                source: draft.source, destination: draft.destination, size: draft.size, modifiedAt: draft.modifiedAt,
                contentType: "", acceptedAt: pipeline.clock.wall, deadline: nil)
            let record = try TaskRecord.accepted(task, topic: pipeline.layout.tasks, trace: nil).record
            let position = LogPosition(
                partition: TopicPartition(topic: pipeline.layout.tasks, partition: 0), offset: Int64(number))
            _ = try await pipeline.log.append([
                DeadLetterRecord.request(
                    record, TaskRecord(task: task, progress: TaskProgress(attempts: 1)),
                    Failure(.permanent, "no", httpStatus: 422),
                    .init(position: position, failedAt: pipeline.clock.wall, worker: "w"), pipeline.layout)
            ])
        }
    }

    private func replay(_ pipeline: Pipeline, _ log: any MessageLog) -> Replay {
        Replay(
            log: log, layout: pipeline.layout, clock: HastyClock(), largeThreshold: ByteCount(64 << 20),
            isOrdered: { _ in false })
    }

    /// Two operators and two processes at once, on a log that breaks and knows no identities: each letter is replayed
    /// exactly once, and the counts are those of the log.
    @Test(.serialized, arguments: 0..<12) func eachLetterIsReplayedOnceThroughFaults(_ seed: UInt64) async throws {
        try await withPipeline(partitions: 3) { pipeline in
            try await write(60, to: pipeline)
            let log = CuttingLog(pipeline.log, seed: seed, rate: 4)
            let replay = replay(pipeline, log)
            // Before anything fails: the replays are there, and may overlap.
            let whole = self.replay(pipeline, pipeline.log)
            let pace = ReplayPace(canary: seed % 2 == 0 ? 3 : 0, rate: seed % 3 == 0 ? 2_000 : nil, stopShare: nil)
            let first = try await whole.begin(
                .replay, LetterSelection(destinations: ["even"]), by: "anna", reason: "", pace: pace)
            let second = try await whole.begin(.replay, LetterSelection(), by: "ben", reason: "", pace: pace)
            let logger = logger
            try await withThrowingTaskGroup(of: Void.self) { group in
                let runners = (0..<2).map { replay.runner(process: "p\($0)", logger: logger) }
                for runner in runners { group.addTask { try await runner.run() } }
                // The results of the canaries come from here; no worker runs.
                try await self.follow(pipeline, until: [first.id, second.id])
                log.heal()
                for runner in runners { await runner.stop() }
                try await group.waitForAll()
            }
            var seen: [ByteText: Int] = [:]
            var byReplay: [String: Int] = [:]
            for stored in try await pipeline.records(pipeline.layout.tasks) {
                let read = try TaskRecord.read(stored.record)
                #expect(read.progress.generation == 1 && read.progress.attempts == 0)
                seen[read.task.identity.id, default: 0] += 1
                byReplay[read.progress.replay, default: 0] += 1
            }
            #expect(seen.count == 60 && seen.values.allSatisfy { $0 == 1 })
            for id in [first.id, second.id] {
                let counts = try await pipeline.entry(id).state?.counts
                #expect(counts?.appended == byReplay[id, default: 0])
            }
        }
    }

    /// Writes a result of each replayed task, until both replays have their results.
    private func follow(_ pipeline: Pipeline, until ids: [String]) async throws {
        var changes = await pipeline.log.changes().makeAsyncIterator()
        var ended: Set<LogPosition> = []
        // Nobody reports what has come before.
        repeat {
            for stored in try await pipeline.records(pipeline.layout.tasks) where ended.insert(stored.position).inserted
            {
                let read = try TaskRecord.read(stored.record)
                var outcome = Outcome(
                    kind: .succeeded, task: read.generation, batch: "", destination: read.task.destination, attempts: 1,
                    crashes: 0, size: read.task.size, sha256: String(repeating: "ab", count: 32), verification: "none",
                    worker: "w", acceptedAt: read.task.acceptedAt, startedAt: pipeline.clock.wall,
                    finishedAt: pipeline.clock.wall)
                outcome.facts.replay = read.progress.replay
                _ = try await pipeline.log.append([try ResultRecord.request(outcome, partition: 0, pipeline.layout)])
            }
            let book = try await pipeline.replay.book()
            if ids.allSatisfy({ book.entries[$0]?.state?.phase == .done }) { return }
        } while await changes.next(isolation: nil) != nil
    }

    /// A letter that the log refuses as a new task is left out, and holds nobody up.
    @Test func refusedRecordIsLeftOut() async throws {
        try await withPipeline { pipeline in
            try await write(5, to: pipeline)
            // As a cluster with a smaller limit does.
            let log = CuttingLog(pipeline.log) { request in
                (try? TaskRecord.read(request.record))?.task.identity.id == "3"
            }
            let replay = replay(pipeline, log)
            let record = try await replay.begin(.replay, LetterSelection(), by: "anna", reason: "")
            try await replay.runner(process: "p", logger: logger).run(whileBusy: true)
            let state = try #require(try await pipeline.entry(record.id).state)
            #expect(state.counts.appended == 4 && state.counts.unusable == 1 && state.phase == .finishing)
        }
    }

    /// Records of the control topic that nobody of this program wrote change nothing.
    @Test func foreignControlRecordsAreIgnored() async throws {
        try await withPipeline { pipeline in
            try await write(2, to: pipeline)
            let keys = [
                "replay/a", "replay-state/a", "replay-order/a", "mute/a", "replay-turn", "replay/UPPER", "replay",
            ]
            for key in keys {
                for value in [nil, [], [1, 2, 3]] as [[UInt8]?] {
                    _ = try await pipeline.log.append([
                        AppendRequest(
                            topic: pipeline.layout.control, partitioning: .partition(0),
                            record: LogRecord(key: Array(key.utf8), value: value))
                    ])
                }
            }
            let book = try await pipeline.replay.book()
            #expect(book.entries.isEmpty && book.mutes.isEmpty && !book.problems.isEmpty)
            #expect(try await pipeline.replay().state?.counts.appended == 2)
        }
    }

    @Test func issuesGroupWhatDiffersInNamesAlone() {
        let shapes = [
            "the server answered 503 for '/a/b.jpg'", "the server answered 502 for '/c d.jpg'",
        ].map(LetterIssue.shape)
        #expect(Set(shapes) == ["the server answered … for …"])
        #expect(LetterIssue.shape(of: "no space left; 12 bytes, 3 files") == "no space left; … bytes, … files")
        #expect(LetterIssue.shape(of: "") == "")
        #expect(LetterIssue.shape(of: "it's broken") == "it's broken")
        #expect(LetterIssue.shape(of: String(repeating: "ä ", count: 5_000)).utf8.count <= LetterIssue.longestShape)
    }

    @Test func patternsMatchByBytes() throws {
        func matches(_ pattern: String, _ name: ByteText) throws -> Bool {
            try #require(KeyPattern(pattern)).matches(name)
        }
        for (pattern, name, expected) in [
            ("*", "", true), ("*", "a/b", true), ("a*", "b", false), ("a*c", "abc", true), ("a*c", "abcd", false),
            ("?", "ä", true), ("?", "", false), ("a?c", "abc", true), ("\\*", "*", true), ("\\*", "a", false),
            ("2026/*.jpg", "2026/05/a.jpg", true), ("**a**", "xxaxx", true), ("a\\", "a\\", true),
            ("e\u{301}", "\u{e9}", false), ("*ab*ab", "ababxab", true),
        ] as [(String, ByteText, Bool)] {
            #expect(try matches(pattern, name) == expected, "\(pattern) \(name)")
        }
        #expect(KeyPattern("") == nil && KeyPattern(String(repeating: "a", count: 2_000)) == nil)
        // A pattern that makes backtracking matchers take for ever.
        let hard = String(repeating: "a*", count: 400) + "b"
        #expect(try !matches(hard, ByteText(String(repeating: "a", count: 1_000))))
    }
}

/// Does not wait long.
private struct HastyClock: LogClock {
    private let base = SystemLogClock()

    var now: Timestamp { base.now }
    var wall: Timestamp { base.wall }

    func sleep(until instant: Timestamp) async throws {
        try await base.sleep(until: min(instant, base.now + .milliseconds(2)))
    }
}
