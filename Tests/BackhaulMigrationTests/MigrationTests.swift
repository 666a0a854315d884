import BackhaulAudit
import BackhaulDomain
import BackhaulEmbedded
import BackhaulIngest
import BackhaulLog
import BackhaulMigration
import BackhaulPipelineKit
import BackhaulRecords
import BackhaulReplay
import BackhaulTestKit
import BackhaulUnits
import Foundation
import Logging
import Testing

@Suite("Migration")
struct MigrationTests {
    /// Long enough that a task's second wait is not over when its log moves.
    private static let policy = RetryPolicy(
        tiers: [.milliseconds(100), .seconds(4)], maxAttempts: 3, jitter: Ratio(clamping: 0.1),
        parkDelay: .milliseconds(200), breakerFailures: 1_000_000)

    private struct Source {
        var results: [TaskGeneration: ResultDocument]
        var crashed: TaskGeneration
        var letters: Int
        var acts: Int
    }

    /// Keys that begin with `ok` are stored, with `no` refused for good, with `late` stored at the third try.
    private func server() throws -> StubServer {
        try StubServer { request in
            let name = request.target.split(separator: "/").last ?? ""
            if name.hasPrefix("no") { return .status(422) }
            return name.hasPrefix("late") && request.earlier < 2 ? .status(503) : .store()
        }
    }

    /// Fills a log with tasks at every stage.
    private func fill(_ pipeline: Pipeline, _ server: StubServer) async throws -> Source {
        let url = DestinationReference.Target.url(ByteText(server.url))
        func submit(_ name: String, _ count: Int) async throws {
            let drafts = try (0..<count).map {
                try pipeline.draft("\(name)\($0)", Array("\(name)\($0)".utf8), to: url, id: "\(name)\($0)")
            }
            _ = try await pipeline.ingest.accept(drafts)
        }
        try await submit("ok", 40)
        try await submit("no", 10)
        try await submit("late", 10)
        _ = try await pipeline.run {
            _ = try await pipeline.results(50)
            // Each has failed twice.
            while try await pipeline.outcomes().filter({ $0.kind == .retrying }).count < 20 {
                try await Task.sleep(for: .milliseconds(20))
            }
        }
        try await submit("ok-waiting", 30)
        // An owner's cancels: one has its result, the other only its outcome.
        try await cancel("ok-waiting0", pipeline)
        let ended = try await pipeline.allResults().count
        try await pipeline.run(workers: 0) { _ = try await pipeline.results(ended + 1) }
        try await cancel("ok-waiting1", pipeline)
        let tasks = try await pipeline.records(pipeline.layout.tasks)
        let marked = try #require(tasks.first { (try? TaskRecord.read($0.record))?.task.identity.id == "ok-waiting2" })
        let crashed = try TaskRecord.read(marked.record).generation
        _ = try await pipeline.log.append([
            // Its worker was killed during the second attempt.
            try CheckpointRecord.request(
                Checkpoint(
                    task: crashed, isInFlight: true, progress: TaskProgress(generation: 0, attempts: 1, crashes: 0)),
                of: marked.position, pipeline.layout),
            AppendRequest(
                topic: pipeline.layout.tasks, partitioning: .partition(0), record: LogRecord(value: [1, 2, 3])),
            try ActRecord.request(
                Act(.submit, .done, by: Act.Actor(name: "me", way: .commandLine), at: SystemLogClock.wall),
                host: "h", pipeline.layout),
        ])
        let results = try await pipeline.allResults()
        return Source(
            results: Dictionary(uniqueKeysWithValues: results.map { ($0.task, $0) }), crashed: crashed,
            letters: try await pipeline.deadLetters().count, acts: 1)
    }

    private func cancel(_ id: ByteText, _ pipeline: Pipeline) async throws {
        let tasks = try await pipeline.records(pipeline.layout.tasks).compactMap { try? TaskRecord.read($0.record) }
        let read = try #require(tasks.first { $0.task.identity.id == id })
        let now = SystemLogClock.wall
        _ = try await pipeline.log.append([
            try OutcomeRecord.request(
                Outcome(
                    kind: .cancelled, task: read.generation, batch: read.task.batch,
                    destination: read.task.destination, attempts: 0, crashes: 0, size: read.task.size,
                    worker: Outcome.callerPrefix + "me", acceptedAt: read.task.acceptedAt, startedAt: now,
                    finishedAt: now, objectMayExist: true), pipeline.layout, trace: nil)
        ])
    }

    /// Copies as the command does, again after each death.
    private func migrate(_ source: Pipeline, to target: Pipeline, seed: UInt64) async throws -> MigrationRecord {
        let begun = try await source.log.beginMigration(to: "cluster", prefix: target.layout.prefix)
        for life in UInt64(0)..<200 {
            let survey = try await MigrationSurvey.read(source.log, source.layout) { _ in nil }
            let copy = MigrationCopy(
                id: begun.id, origin: "here", source: source.log, survey: survey, target: target.log,
                writer: FaultyWriter(target.log, seed: seed + life << 32, isKilled: true), layout: target.layout,
                routing: TaskRouting(layout: target.layout, largeThreshold: ByteCount(64 << 20)) { _ in false },
                clock: SystemLogClock(), batchRecords: 7, fingerprints: { try await source.log.fingerprints(of: $0) })
            do {
                return try await copy.run { _ in
                } onWait: { _ in
                }
            } catch is FaultyWriter.Killed {
                continue
            }
        }
        throw LogError.unavailable("the copy did not end in 200 lives")
    }

    /// Whatever fails on the way, and while the target already works: each result arrives as it is, each unfinished
    /// task ends once, with the attempts and crashes that it had.
    @Test(.timeLimit(.minutes(10)), arguments: [1, 2, 3] as [UInt64]) func everythingArrivesOnce(_ seed: UInt64)
        async throws
    {
        let server = try server()
        defer { server.close() }
        try await withPipeline(policy: Self.policy) { source in
            let before = try await self.fill(source, server)
            try await withPipeline(policy: Self.policy, partitions: 3) { target in
                try FileManager.default.removeItem(atPath: target.folder + "/source")
                try FileManager.default.moveItem(
                    atPath: source.folder + "/source", toPath: target.folder + "/source")
                let copied = try await target.run(workers: 2) {
                    let copied = try await self.migrate(source, to: target, seed: seed)
                    _ = try await target.results(90)
                    try await target.settled(target.layout.tasks, by: target.layout.workers)
                    try await target.settled(target.layout.outcomes, by: target.layout.acknowledgers)
                    return copied
                }
                // Of 90, one has been cancelled without a result. Usually 10 wait for their third try.
                #expect(copied.counts.results == before.results.count)
                #expect(copied.counts.tasks == 89 - before.results.count)
                #expect(copied.counts.deadLetters == before.letters && copied.counts.acts == before.acts)
                let all = try await target.allResults()
                let after = Dictionary(grouping: all, by: \.task)
                #expect(after.count == 90 && after.values.allSatisfy { $0.count == 1 })
                for (task, result) in before.results { #expect(after[task]?.first == result) }
                for task in after.keys where task.identity.id.hasPrefix("late") {
                    let result = after[task]?.first
                    #expect(result?.status == "succeeded" && result?.attempts == 3, "\(String(describing: result))")
                }
                #expect(all.filter { $0.status == "succeeded" }.count == 40 + 10 + 28)
                #expect(after[before.crashed]?.first?.crashes == 1)
                #expect(after[before.crashed]?.first?.attempts == 2)
                let cancelled = all.filter { $0.status == "cancelled" }.map(\.taskId)
                #expect(Set(cancelled) == ["ok-waiting0", "ok-waiting1"])
                // One more: the record that is not a task.
                #expect(try await target.deadLetters().count == before.letters + 1)
                #expect(try await target.records(target.layout.acts).count == before.acts)
                let open = try await target.openCancelRequests()
                let cancels = try await target.outcomes().filter { $0.kind == .cancelled }
                #expect(open.isEmpty, "\(open) \(cancels.map(\.worker))")
                let report = try await target.audit()
                #expect(report.isClean, "\(report)")
                // What was submitted is still known, so that other content under an id is a conflict.
                let mark = try #require(
                    try await target.outcomes().first { $0.task.identity.id == "ok0" && $0.kind == .succeeded })
                let first = try #require(
                    try await source.records(source.layout.tasks).first {
                        (try? TaskRecord.read($0.record))?.task.identity.id == "ok0"
                    })
                #expect(mark.fingerprint == (try TaskFingerprint.of(try TaskRecord.read(first.record).task)))
            }
        }
    }

    private func survey(_ pipeline: Pipeline, _ log: (any MessageLog)? = nil) async throws -> MigrationSurvey {
        try await MigrationSurvey.read(log ?? pipeline.shared, pipeline.layout) { task in
            task.destination.key == "refused" ? "no" : nil
        }
    }

    /// Copies all of it in one go, and returns what was counted.
    private func copy(
        _ source: Pipeline, _ log: (any MessageLog)? = nil, to target: Pipeline, ahead: Duration = .zero,
        largeThreshold: ByteCount = ByteCount(64 << 20)
    ) async throws -> MigrationRecord.Counts {
        let copy = MigrationCopy(
            id: "one", origin: "here", source: log ?? source.shared, survey: try await survey(source, log),
            target: target.shared, writer: FaultyWriter(target.log, seed: 4, isKilled: false), layout: target.layout,
            routing: TaskRouting(layout: target.layout, largeThreshold: largeThreshold) { _ in false },
            clock: SystemLogClock(), ahead: ahead, fingerprints: { try await source.log.fingerprints(of: $0) })
        return try await copy.run { _ in
        } onWait: { _ in
        }.counts
    }

    /// Appends a record of a waiting task of any generation and progress to a topic.
    private func append(
        _ id: ByteText, _ progress: TaskProgress, to topic: String, _ pipeline: Pipeline, size: Int = 1,
        key: ByteText = "k"
    ) async throws -> LogPosition? {
        var draft = try pipeline.draft("\(id)", [UInt8](repeating: 1, count: size), to: .named("d"), key: key, id: id)
        draft.batch = "b"
        let task = UploadTask(
            identity: TaskIdentity(tenant: draft.tenant, id: id), batch: draft.batch, source: draft.source,
            destination: draft.destination, size: draft.size, modifiedAt: draft.modifiedAt, contentType: "",
            acceptedAt: SystemLogClock.wall, deadline: nil, submitter: nil)
        let first = try TaskRecord.accepted(task, topic: topic, trace: nil)
        let request = TaskRecord.moved(first.record, task, progress, to: topic)
        guard case .appended(let position)? = try await pipeline.log.append([request]).first else { return nil }
        return position
    }

    /// A task goes to the topic of its size, or where it was handed over, that of a retired tier as well. It is due by
    /// the cluster's clock.
    @Test(.timeLimit(.minutes(5))) func tasksKeepTheirProgressAndTheirLane() async throws {
        try await withPipeline { source in
            try await withPipeline { target in
                let retired = source.layout.retry(.seconds(77))
                try await source.log.ensure([
                    TopicSpecification(
                        name: retired, partitions: 2, retention: .untilRead(by: [source.layout.delays], atLeast: .zero))
                ])
                let due = SystemLogClock.wall + .seconds(100)
                _ = try await append(
                    "retired", TaskProgress(generation: 3, attempts: 2, due: due), to: retired, source)
                _ = try await append("large", TaskProgress(), to: source.layout.tasks, source, size: 100)
                _ = try await append(
                    "over", TaskProgress(isHandedOver: true), to: source.layout.largeTasks, source)
                _ = try await append("refused", TaskProgress(), to: source.layout.tasks, source, key: "refused")
                let survey = try await survey(source)
                #expect(survey.tasks == 4 && survey.refusals["no"]?.tasks == 1 && survey.roots["src"]?.tasks == 4)
                let counts = try await copy(
                    source, to: target, ahead: .seconds(50), largeThreshold: ByteCount(100))
                #expect(counts.tasks == 4)
                let small = try await target.records(target.layout.tasks).map { try TaskRecord.read($0.record) }
                let large = try await target.records(target.layout.largeTasks).map { try TaskRecord.read($0.record) }
                #expect(Set(small.map(\.task.identity.id)) == ["retired", "refused"])
                #expect(Set(large.map(\.task.identity.id)) == ["large", "over"])
                let moved = try #require(small.first { $0.task.identity.id == "retired" })
                #expect(moved.progress == TaskProgress(generation: 3, attempts: 2, due: due + .seconds(50)))
            }
        }
    }

    /// A result that cannot be read, or that no acknowledger would take, is counted, and its task is still there to be
    /// done. One with an odd time or mode loses these, and no more.
    @Test(.timeLimit(.minutes(5)), arguments: ["unreadable", "unlikely", "odd"])
    func resultThatCannotBeCopiedLosesNoTask(_ kind: String) async throws {
        try await withPipeline { source in
            try await withPipeline { target in
                let position = try await append("a", TaskProgress(), to: source.layout.tasks, source)
                let task = try #require(position)
                let read = try TaskRecord.read(
                    try #require(try await source.records(source.layout.tasks).first { $0.position == task }).record)
                let now = SystemLogClock.wall
                let outcome = Outcome(
                    kind: .failed, task: read.generation, batch: "b", destination: read.task.destination, attempts: 1,
                    crashes: 0, size: read.task.size, failure: Failure(.permanent, "x"), worker: "w", acceptedAt: now,
                    startedAt: now, finishedAt: now)
                var document = ResultDocument(outcome)
                // A failure with a verification is what no worker reports.
                if kind == "unlikely" { document.verification = "no word!" }
                if kind == "odd" {
                    document.modifiedAt = "9999-12-31T23:59:59Z"
                    document.mode = "37777777777"
                }
                var result = try ResultRecord.request(outcome, partition: 0, source.layout)
                result.record.value = kind == "unreadable" ? Array("{}".utf8) : try document.encoded()
                _ = try await source.log.append([result])
                let counts = try await copy(source, to: target)
                let isCopied = kind == "odd"
                #expect(counts.unreadable == (isCopied ? 0 : 1) && counts.results == (isCopied ? 1 : 0))
                #expect(counts.tasks == (isCopied ? 0 : 1))
                let outcomes = try await target.outcomes()
                #expect(outcomes.map(\.permissions) == (isCopied ? [nil] : []))
            }
        }
    }

    /// What an operator has discarded or muted stays so, whichever write the copy dies at; a replay that is not over
    /// ends, and what it has not replayed is due.
    @Test(.timeLimit(.minutes(5)), arguments: [1, 2, 3] as [UInt64]) func discardsAndMutesMove(_ seed: UInt64)
        async throws
    {
        let server = try StubServer { _ in .status(422) }
        defer { server.close() }
        try await withPipeline(policy: Self.policy) { source in
            try await withPipeline(policy: Self.policy, partitions: 3) { target in
                let url = DestinationReference.Target.url(ByteText(server.url))
                let drafts = try (0..<12).map {
                    var draft = try source.draft("f\($0)", [1], to: url, id: "f\($0)")
                    draft.batch = $0 < 5 ? "away" : $0 < 8 ? "back" : "kept"
                    return draft
                }
                _ = try await source.ingest.accept(drafts)
                _ = try await source.run { _ = try await source.results(12) }
                func begin(_ action: ReplayRecord.Action, _ batch: ByteText) async throws -> String {
                    var selection = LetterSelection()
                    selection.batch = batch
                    return try await source.replay.begin(action, selection, by: "me", reason: "why \(batch)").id
                }
                let away = try await begin(.discard, "away")
                let back = try await begin(.discard, "back")
                let open = try await begin(.replay, "kept")
                let mute = IssueMute(by: "me", reason: "known", at: SystemLogClock.wall)
                _ = try await source.log.append([
                    try ReplayOrder(.cancel, by: "me", at: SystemLogClock.wall).request(back, source.layout),
                    try IssueMute.request(mute, issue: "here", source.layout),
                    try IssueMute.request(mute, issue: "both", source.layout),
                    try IssueMute.request(mute, issue: "shown", source.layout),
                    try IssueMute.request(nil, issue: "shown", source.layout),
                ])
                let theirs = IssueMute(by: "they", reason: "theirs", at: SystemLogClock.wall)
                _ = try await target.log.append([try IssueMute.request(theirs, issue: "both", target.layout)])
                // An own letter of the target at a place that the discard has in the source.
                _ = try await target.ingest.accept([try target.draft("own", [1], to: url, id: "own")])
                _ = try await target.run { _ = try await target.results(1) }

                let copied = try await self.migrate(source, to: target, seed: seed)
                #expect(copied.counts.replays == 5 && copied.counts.deadLetters == 12)
                let book = try await target.replay.book()
                #expect(book.problems.isEmpty && book.discards.map(\.id) == [away])
                #expect(book.entries[open]?.phase == "cancelled" && book.entries[open]?.isOpen == false)
                #expect(Set(book.mutes.keys) == ["here", "both"])
                #expect(book.mutes["both"]?.by == "they" && book.mutes["here"]?.reason == "known")
                var judgements: [ByteText: LetterJudgement] = [:]
                try await target.replay.letters(LetterSelection()) { letter, judgement in
                    judgements[try #require(letter.task).identity.id] = judgement
                }
                #expect(judgements.count == 13)
                for number in 0..<12 {
                    let wanted = number < 5 ? LetterJudgement.discarded(id: away) : .due
                    #expect(judgements["f\(number)"] == wanted)
                }
                #expect(judgements["own"] == .due)
                // Nobody goes on with the replay; an operator may still take the discard back.
                let counts = try await target.replay().state?.counts
                #expect(counts?.appended == 8 && counts?.skipped == 5)
                #expect(book.entries[away]?.takes(.cancel) == true && book.entries[open]?.takes(.pause) == false)
            }
        }
    }

    private func keys(_ name: String) throws -> SigningKeys {
        try SigningKeys(parsing: "\(name) \(String(repeating: name, count: 64))\n")
    }

    /// A log read with keys that are not its own reads as nothing: that must be seen before anything is copied. So must
    /// a copy's progress that another key has signed: it would look as if nothing were copied.
    @Test(.timeLimit(.minutes(5))) func wrongKeysAreSeen() async throws {
        let own = try keys("a")
        let other = try keys("b")
        try await withPipeline(signingKeys: own) { source in
            let draft = try source.draft("x", [1], to: .named("d"))
            _ = try await source.ingest.accept([draft])
            #expect(try await survey(source).unsigned == 0)
            let logger = Logger(label: "test")
            let wrong = SignedLog(source.log, keys: other, logger: logger)
            #expect(try await survey(source, wrong).unsigned == 1)
            try await withPipeline(signingKeys: own) { target in
                let record = MigrationRecord(origin: "h", startedAt: SystemLogClock.wall)
                _ = try await target.shared.append([try record.request("one", target.layout)])
                #expect(try await MigrationRecord.all(target.shared, target.layout)["one"] == record)
                let wrong = SignedLog(target.log, keys: other, logger: logger)
                await #expect(throws: RecordError.self) { try await MigrationRecord.all(wrong, target.layout) }
                await #expect(throws: RecordError.self) {
                    _ = try await MigrationCopy.progress(
                        "one", writer: FaultyWriter(target.log, seed: 1, isKilled: false), target: wrong,
                        target.layout)
                }
            }
        }
    }

    /// From the beginning of its move on, the folder takes no record from anybody, and no role starts on it.
    @Test func migratingLogIsClosed() async throws {
        try await withTemporaryFolder { folder in
            let topic = TopicSpecification(
                name: "t", partitions: 1, retention: .untilRead(by: ["g"], atLeast: .zero))
            func open(owns: Bool, migrates: Bool = false) throws -> EmbeddedLog {
                try EmbeddedLog(
                    folder: folder, options: EmbeddedOptions(owns: owns, migrates: migrates, durability: .process),
                    logger: .init(label: "test"))
            }
            let request = AppendRequest(topic: "t", partitioning: .partition(0), record: LogRecord(value: [1]))
            let submitter = try open(owns: false)
            let begun: LogMigration
            do {
                // An owner's lock ends with it.
                let mover = try open(owns: true, migrates: true)
                try await mover.ensure([topic])
                _ = try await submitter.append([request])
                begun = try await mover.beginMigration(to: "c", prefix: "p.")
                #expect(try await mover.beginMigration(to: "c", prefix: "p.") == begun)
                await #expect(throws: LogError.self) { try await mover.beginMigration(to: "other", prefix: "p.") }
                await mover.close()
            }
            func isRefused(_ log: EmbeddedLog) async -> Bool {
                do {
                    _ = try await log.append([request])
                    return false
                } catch LogError.migrated {
                    return true
                } catch {
                    return false
                }
            }
            // One that had it open before, and one that opens it now.
            #expect(await isRefused(submitter))
            let late = try open(owns: false)
            #expect(await isRefused(late))
            #expect(try await late.migration == begun)
            #expect(throws: LogError.migrated(folder: late.folder, to: begun.text)) { try open(owns: true) }
            do {
                let again = try open(owns: true, migrates: true)
                try await again.withdrawMigration()
                #expect(try await again.migration == nil)
                await again.close()
            }
            let owner = try open(owns: true)
            _ = try await owner.append([request])
            #expect(try await owner.bounds("t").first?.end == 2)
            for log in [submitter, late, owner] { await log.close() }
        }
    }

    @Test func recordTellsHowFarItIs() throws {
        var record = MigrationRecord(origin: "h:/d", startedAt: Timestamp(clamping: 5))
        record.cursors = [
            TopicPartition(topic: "a.tasks", partition: 3): 9, TopicPartition(topic: "b", partition: 0): 0,
        ]
        record.counts.tasks = 4
        record.counts.acts = 1
        record.finishedAt = Timestamp(clamping: 7)
        let request = try record.request("x-1", TopicLayout())
        let read = try #require(try MigrationRecord.read(request.record))
        #expect(read.id == "x-1" && read.migration == record)
        // One that cannot be read must not look like none: the copy would begin again.
        var damaged = request.record
        damaged.value = [0xff]
        #expect(throws: RecordError.self) { try MigrationRecord.read(damaged) }
        damaged.key = Array("api/x".utf8)
        #expect(try MigrationRecord.read(damaged) == nil)
    }
}
