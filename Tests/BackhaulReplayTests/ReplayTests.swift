import BackhaulAudit
import BackhaulDestinations
import BackhaulDomain
import BackhaulEmbedded
import BackhaulIngest
import BackhaulLog
import BackhaulPipelineKit
import BackhaulRecords
import BackhaulReplay
import BackhaulTestKit
import BackhaulUnits
import Foundation
import Synchronization
import Testing

@Suite("Replay")
struct ReplayTests {
    private func withDead(
        _ count: Int, destinations: [ByteText: Destination] = [:],
        _ body: @escaping @Sendable (Pipeline) async throws -> Void
    ) async throws {
        let server = try StubServer { _ in .status(422) }
        defer { server.close() }
        try await withPipeline(destinations: destinations) { pipeline in
            let drafts = try (0..<count).map {
                try pipeline.draft(
                    "\($0)", [1, 2], to: .url(ByteText(server.url)), batch: $0 % 2 == 0 ? "even" : "odd", id: "\($0)")
            }
            _ = try await pipeline.ingest.accept(drafts)
            _ = try await pipeline.run { try await pipeline.results(count) }
            try await body(pipeline)
        }
    }

    @Test func planAppendsNothing() async throws {
        try await withDead(10) { pipeline in
            let plan = try await pipeline.replay.plan(LetterSelection(batch: "even"))
            #expect(plan.letters == 5 && plan.due == 5 && plan.size == 10 && plan.replayed == 0)
            let group = try #require(plan.groups.first)
            #expect(plan.groups.count == 1 && group.due == 5 && group.issue.httpStatus == 422)
            #expect(group.example.task != nil && group.hours.last == 5)
            #expect(try await pipeline.records(pipeline.layout.tasks).count == 10)
        }
    }

    @Test func secondReplayDoesNothing() async throws {
        try await withDead(10) { pipeline in
            let first = try await pipeline.replay(LetterSelection(failures: ["permanent"]))
            #expect(first.state?.counts.appended == 10 && first.state?.phase == .finishing)
            let second = try await pipeline.replay()
            #expect(second.state?.counts.appended == 0 && second.state?.counts.skipped == 10)
            // The replayed generation fails too: its own dead letter can be replayed, the first one cannot be
            // replayed again.
            let done = try await pipeline.run {
                _ = try await pipeline.results(20)
                return try await pipeline.phase(.done, of: first.replay.id)
            }
            #expect(done.state?.counts.failed == 10 && done.state?.counts.succeeded == 0)
            let third = try await pipeline.replay(pace: ReplayPace(rate: 1_000))
            #expect(third.state?.counts.appended == 10 && third.state?.counts.skipped == 10)
            let results = try await pipeline.run { try await pipeline.results(30) }
            #expect(results.filter { $0.generation == 2 && $0.replay == third.replay.id }.count == 10)
            #expect(results.filter { $0.generation == 0 && $0.replay == nil }.count == 10)
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
            let counts = try await pipeline.replay().state?.counts
            #expect(counts?.appended == (succeeds ? 0 : 1) && counts?.unusable == (succeeds ? 0 : 1))
            try await pipeline.replay.letters(LetterSelection()) { letter, judgement in
                if letter.generation?.generation == end { #expect(judgement == .unusable) }
            }
            #expect(try await pipeline.audit().isClean)
        }
    }

    @Test func emptyReplayIsDone() async throws {
        try await withPipeline { pipeline in
            let entry = try await pipeline.replay(LetterSelection(batch: "x"))
            #expect(entry.state?.phase == .done && entry.state?.counts == ReplayState.Counts())
        }
    }

    @Test func conditionsAreCombined() async throws {
        try await withDead(4) { pipeline in
            func count(_ selection: LetterSelection) async throws -> Int {
                try await pipeline.replay.plan(selection).due
            }
            let counts = [
                try await count(.init(taskIDs: ["1"])), try await count(.init(batch: "even", taskIDs: ["1"])),
                try await count(.init(tenant: "other")), try await count(.init(failures: ["transient"])),
                try await count(.init(statuses: [400...499])), try await count(.init(statuses: [500...599])),
                try await count(.init(keyPattern: KeyPattern("[0-1]"))),
                try await count(.init(keyPattern: KeyPattern("?"))), try await count(.init(attempts: 1...1)),
                try await count(.init(attempts: 2...9)), try await count(.init(worker: "w0")),
                try await count(.init(worker: "w1")), try await count(.init(until: .earliest)),
                try await count(.init(since: .earliest)),
            ]
            #expect(counts == [1, 0, 0, 0, 4, 0, 0, 4, 4, 0, 4, 0, 0, 4])
            let issue = try #require(try await pipeline.replay.plan(LetterSelection()).groups.first).issue.id
            #expect(try await count(.init(issue: issue)) == 4)
            #expect(try await count(.init(issue: "000000000000")) == 0)
        }
    }

    /// A server that is still sick costs a slice of the backlog, not all of it; once healed, the rest follows.
    @Test func canaryStopsAtASickDestination() async throws {
        let isHealed = Mutex(false)
        let server = try StubServer { _ in isHealed.withLock { $0 } ? .store() : .status(422) }
        defer { server.close() }
        try await withPipeline { pipeline in
            let target = DestinationReference.Target.url(ByteText(server.url))
            let drafts = try (0..<30).map { try pipeline.draft("\($0)", [1], to: target, id: "\($0)") }
            _ = try await pipeline.ingest.accept(drafts)
            _ = try await pipeline.run { try await pipeline.results(30) }
            let begun = try await pipeline.replay(pace: ReplayPace(canary: 4))
            #expect(begun.state?.phase == .canary && begun.state?.counts.appended == 4)
            let id = begun.replay.id
            let stopped = try await pipeline.run { try await pipeline.phase(.stopped, of: id) }
            #expect(stopped.state?.counts.appended == 4 && stopped.state?.counts.failed == 4)
            #expect(stopped.state?.reason == "4 of 4 results are failures of the canary")
            #expect(try await pipeline.allResults().count == 34)
            isHealed.withLock { $0 = true }
            try await pipeline.replay.order(.resume, id, by: "test")
            let done = try await pipeline.run { try await pipeline.phase(.done, of: id) }
            #expect(done.state?.counts.appended == 30 && done.state?.counts.succeeded == 26)
            // The canary's own letters, of generation 1, are the business of the next replay.
            #expect(try await pipeline.replay.plan(LetterSelection()).due == 4)
            #expect(try await pipeline.audit().isClean)
        }
    }

    @Test func ordersAreFollowed() async throws {
        try await withDead(30) { pipeline in
            let record = try await pipeline.replay.begin(
                .replay, LetterSelection(), by: "test", reason: "", pace: ReplayPace(canary: 2))
            try await pipeline.runReplays()
            try await pipeline.replay.order(.pause, record.id, by: "anna")
            try await pipeline.runReplays()
            var entry = try await pipeline.entry(record.id)
            #expect(entry.state?.phase == .paused && entry.state?.reason == "by anna")
            // Another replay is not held up by one that waits.
            var due: Set<ByteText> = []
            try await pipeline.replay.letters(LetterSelection()) { letter, judgement in
                if judgement == .due, let task = letter.task { due.insert(task.identity.id) }
            }
            #expect(due.count == 28)
            let other = try await pipeline.replay(LetterSelection(taskIDs: [try #require(due.first)]))
            #expect(other.state?.counts.appended == 1)
            try await pipeline.replay.order(.resume, record.id, by: "anna")
            try await pipeline.runReplays()
            entry = try await pipeline.entry(record.id)
            #expect(entry.state?.phase == .canary && entry.state?.counts.appended == 2)
            try await pipeline.replay.order(.cancel, record.id, by: "anna")
            try await pipeline.runReplays()
            #expect(try await pipeline.entry(record.id).state?.phase == .cancelled)
            #expect(try await pipeline.records(pipeline.layout.tasks).count == 33)
            // What a cancelled replay has left can be replayed.
            #expect(try await pipeline.replay().state?.counts.appended == 27)
        }
    }

    /// A cancel by a caller names no replay; it ends its task all the same.
    @Test func cancelledTaskEndsItsReplay() async throws {
        try await withDead(3) { pipeline in
            let entry = try await pipeline.replay()
            let task = try #require(
                try await pipeline.records(pipeline.layout.tasks).compactMap { try? TaskRecord.read($0.record) }
                    .first { $0.progress.generation == 1 })
            let now = pipeline.clock.wall
            let cancel = Outcome(
                kind: .cancelled, task: task.generation, batch: task.task.batch, destination: task.task.destination,
                attempts: 0, crashes: 0, size: task.task.size, worker: Outcome.callerPrefix + "anna",
                acceptedAt: task.task.acceptedAt, startedAt: now, finishedAt: now)
            _ = try await pipeline.log.append([
                try OutcomeRecord.request(cancel, pipeline.layout, trace: nil)
            ])
            let done = try await pipeline.run { try await pipeline.phase(.done, of: entry.replay.id) }
            let counts = done.state?.counts
            #expect(counts?.results == 3 && counts?.appended == 3)
        }
    }

    /// A discard that comes while a replay runs holds for what it has not sent.
    @Test func laterDiscardHolds() async throws {
        try await withDead(8) { pipeline in
            let record = try await pipeline.replay.begin(
                .replay, LetterSelection(), by: "test", reason: "", pace: ReplayPace(canary: 2))
            try await pipeline.runReplays()
            _ = try await pipeline.replay.begin(.discard, LetterSelection(), by: "test", reason: "known")
            try await pipeline.replay.order(.pause, record.id, by: "test")
            try await pipeline.runReplays()
            // The canary's results come, and too many of them are failures; an operator insists.
            try await pipeline.replay.order(.resume, record.id, by: "test")
            _ = try await pipeline.run { try await pipeline.phase(.stopped, of: record.id) }
            try await pipeline.replay.order(.resume, record.id, by: "test")
            let done = try await pipeline.run { try await pipeline.phase(.done, of: record.id) }
            #expect(done.state?.counts.appended == 2 && done.state?.counts.skipped == 6)
        }
    }

    /// Orders follow one another as they are in the log, whatever clocks say; a cancel is not taken back.
    @Test func ordersAreInTheOrderOfTheLog() async throws {
        try await withDead(30) { pipeline in
            let record = try await pipeline.replay.begin(
                .replay, LetterSelection(), by: "test", reason: "", pace: ReplayPace(canary: 1))
            try await pipeline.runReplays()
            let late = ReplayOrder(.pause, by: "late", at: .latest)
            let early = ReplayOrder(.cancel, by: "early", at: .earliest)
            for order in [late, early] {
                _ = try await pipeline.log.append([try order.request(record.id, pipeline.layout)])
                try await pipeline.runReplays()
            }
            #expect(try await pipeline.entry(record.id).state?.phase == .cancelled)
            #expect(try await pipeline.entry(record.id).takes(.resume) == false)
        }
    }

    /// A topic that is gone ends the replay of its letters, and nothing else.
    @Test func unreadableLettersEndTheirReplayAlone() async throws {
        try await withDead(2) { pipeline in
            var lost = try await pipeline.replay.begin(.replay, LetterSelection(), by: "test", reason: "")
            lost.id = "lost"
            lost.topic = "nowhere"
            var odd = lost
            odd.id = "odd"
            odd.topic = pipeline.layout.deadLetters
            odd.letters = [4_000_000: 0..<5]
            for replay in [lost, odd] { _ = try await pipeline.log.append([try replay.request(pipeline.layout)]) }
            try await pipeline.runReplays()
            for id in ["lost", "odd"] { #expect(try await pipeline.entry(id).state?.phase == .stopped) }
            let book = try await pipeline.replay.book()
            #expect(book.sorted.contains { $0.state?.counts.appended == 2 })
        }
    }

    /// What a record says of a selection is what was meant: a value of nothing is not "any".
    @Test func selectionsSurviveTheirRecord() async throws {
        try await withPipeline { pipeline in
            for selection in [
                LetterSelection(), LetterSelection(issue: ""), LetterSelection(worker: ""),
                LetterSelection(until: .earliest), LetterSelection(since: .earliest), LetterSelection(attempts: 0...0),
                LetterSelection(batch: ""),
                LetterSelection(
                    tenant: "t", batch: "b", taskIDs: ["1", "2"], destinations: ["nas"], failures: ["permanent"],
                    statuses: [500...599], keyPattern: KeyPattern("a*"), since: Timestamp(clamping: 5),
                    until: Timestamp(clamping: 9), attempts: 1...3, worker: "w", issue: "0123456789ab"),
            ] {
                let pace = ReplayPace(
                    canary: 3, patience: .seconds(5), rate: 1.5, ramp: .seconds(7), stopShare: nil)
                let record = try await pipeline.replay.begin(
                    .discard, selection, by: "anna", reason: "why", to: "tape", pace: pace)
                #expect(try await pipeline.entry(record.id).replay == record)
            }
        }
    }

    @Test func discardedLettersAreLeftAlone() async throws {
        try await withDead(6) { pipeline in
            let discard = try await pipeline.replay.begin(
                .discard, LetterSelection(batch: "even"), by: "test", reason: "known")
            var plan = try await pipeline.replay.plan(LetterSelection())
            #expect(plan.due == 3 && plan.discarded == 3)
            #expect(try await pipeline.replay().state?.counts.appended == 3)
            // Taken back, they are due again.
            try await pipeline.replay.order(.cancel, discard.id, by: "test")
            plan = try await pipeline.replay.plan(LetterSelection())
            #expect(plan.due == 3 && plan.discarded == 0 && plan.replayed == 3)
        }
    }

    /// A letter whose key another task has stored something under since would bring the old file back.
    @Test func supersededLettersAreLeftOut() async throws {
        let isHealed = Mutex(false)
        let server = try StubServer { _ in isHealed.withLock { $0 } ? .store() : .status(422) }
        defer { server.close() }
        try await withPipeline { pipeline in
            let target = DestinationReference.Target.url(ByteText(server.url))
            for name in ["a", "b"] {
                _ = try await pipeline.ingest.accept([try pipeline.draft(name, [1], to: target, id: ByteText(name))])
            }
            _ = try await pipeline.run { try await pipeline.results(2) }
            isHealed.withLock { $0 = true }
            _ = try await pipeline.ingest.accept([try pipeline.draft("c", [2, 3], to: target, key: "a", id: "newer")])
            _ = try await pipeline.run { try await pipeline.results(3) }
            let plan = try await pipeline.replay.plan(LetterSelection())
            #expect(plan.due == 1 && plan.superseded == 1)
            #expect(try await pipeline.replay().state?.counts.appended == 1)
            _ = try await pipeline.run { try await pipeline.results(4) }
            #expect(server.objects["a"] == [2, 3])
            #expect(try await pipeline.replay.plan(LetterSelection()).succeeded == 1)
        }
    }

    @Test func replayGoesToAnotherDestination() async throws {
        try await withTemporaryFolder { folder in
            let target = folder + "/target"
            try FileManager.default.createDirectory(atPath: target, withIntermediateDirectories: true)
            let name = ByteText("disk")
            let destination = Destination(FolderDestination(path: target))
            try await self.withDead(3, destinations: [name: destination]) { pipeline in
                let entry = try await pipeline.replay(to: name)
                #expect(entry.state?.counts.appended == 3)
                let results = try await pipeline.run { try await pipeline.results(6) }
                let moved = results.filter { $0.generation == 1 }
                #expect(moved.allSatisfy { $0.status == "succeeded" && $0.destination == name } && moved.count == 3)
                #expect(
                    try FileManager.default.contentsOfDirectory(atPath: target).filter { !$0.hasPrefix(".") }.count == 3
                )
            }
        }
    }

    /// Letters of others, and one that only names a record which the log would not take again.
    @Test func lettersOfOthersAreReplayed() async throws {
        let server = try StubServer { _ in .store() }
        defer { server.close() }
        try await withPipeline { pipeline in
            let layout = pipeline.layout
            let names = ["spring", "connect", "streams", "group", "forwarder", "plain", "big"]
            let drafts = try names.map { try pipeline.draft($0, [7], to: .url(ByteText(server.url)), id: ByteText($0)) }
            _ = try await pipeline.ingest.accept(drafts)
            let stored = try await pipeline.records(layout.tasks)
            func record(_ name: String) throws -> StoredRecord {
                try #require(try stored.first { try TaskRecord.read($0.record).task.identity.id == ByteText(name) })
            }
            func number(_ value: UInt64, _ bytes: Int) -> [UInt8] {
                (0..<bytes).map { UInt8(truncatingIfNeeded: value >> (8 * UInt64(bytes - 1 - $0))) }
            }
            var letters: [(String, [LogHeader])] = []
            letters.append(
                (
                    "spring",
                    [
                        LogHeader("kafka_dlt-original-topic", text: layout.tasks),
                        LogHeader("kafka_dlt-original-partition", number(3, 4)),
                        LogHeader("kafka_dlt-original-offset", number(1 << 40, 8)),
                        LogHeader("kafka_dlt-exception-message", text: "no space"),
                    ]
                ))
            for (name, prefix) in [("connect", "__connect"), ("streams", "__streams"), ("group", "__dlq")] {
                letters.append(
                    (
                        name,
                        [
                            LogHeader("\(prefix).errors.topic", text: layout.tasks),
                            LogHeader("\(prefix).errors.partition", text: "3"),
                            LogHeader("\(prefix).errors.offset", text: "\(Int64(1) << 40)"),
                            LogHeader("\(prefix).errors.message", text: "no space"),
                        ]
                    ))
            }
            letters += [("forwarder", []), ("plain", [])]
            // `DLQMetadata`, as protoc encodes it: retries 3, topic, partition 3, offset, key "k", time-outs 1.
            let forwarded: [UInt8] =
                [0x08, 3, 0x12, UInt8(layout.tasks.utf8.count)] + Array(layout.tasks.utf8)
                + [0x18, 3, 0x20, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20, 0x32, 1, 0x6b, 0x38, 1]
            let other = "others"
            try await pipeline.log.ensure([
                TopicSpecification(name: other, partitions: 1, retention: .age(.seconds(1_000)))
            ])
            for (name, headers) in letters {
                var letter = try record(name).record
                letter.headers += headers
                if name == "forwarder" { letter.key = forwarded }
                _ = try await pipeline.log.append([
                    AppendRequest(topic: other, partitioning: .partition(0), record: letter)
                ])
            }
            _ = try await pipeline.log.append([
                AppendRequest(
                    topic: other, partitioning: .partition(0), record: LogRecord(key: nil, value: [1, 2, 3]))
            ])
            var seen: [String] = []
            try await pipeline.replay.letters(LetterSelection(), topic: other) { letter, judgement in
                guard let task = letter.task else {
                    #expect(judgement == .unusable && letter.failure == "malformed")
                    return
                }
                #expect(judgement == .due && letter.failure == DeadLetter.foreign)
                seen.append(task.identity.id.text)
                if task.identity.id == "forwarder" {
                    #expect(letter.message == "delivered again 3 times, 1 of them after a time-out")
                    #expect(letter.stored.record.key == Array("k".utf8))
                }
                if task.identity.id != "plain" {
                    #expect(task.identity.id == "forwarder" || letter.message == "no space")
                    #expect(letter.origin == "\(layout.tasks)/3@\(Int64(1) << 40)")
                }
            }
            #expect(seen == letters.map(\.0))
            let foreign = try await pipeline.replay(topic: other).state?.counts
            #expect(foreign?.appended == 6 && foreign?.unusable == 1)

            let big = try record("big")
            _ = try await pipeline.log.append([
                DeadLetterRecord.reference(
                    size: big.record.size, Failure(.permanent, "the log refuses the record"),
                    .init(position: big.position, failedAt: pipeline.clock.wall, worker: "w"), layout)
            ])
            #expect(try await pipeline.replay().state?.counts.appended == 1)
            let results = try await pipeline.run { try await pipeline.results(14) }
            #expect(Set(results.filter { $0.generation == 1 }.map(\.taskId.text)) == Set(names))
        }
    }
}
