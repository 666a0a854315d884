package import BackhaulDomain
package import BackhaulLog
package import BackhaulRecords
package import BackhaulUnits
package import Logging

/// Plans and begins replays, and appends the next generation of single tasks.
package struct Replay: Sendable {
    private let log: any MessageLog
    private let layout: TopicLayout
    private let clock: any LogClock
    private let routing: TaskRouting

    package init(
        log: any MessageLog, layout: TopicLayout, clock: any LogClock, largeThreshold: ByteCount,
        isOrdered: @escaping @Sendable (DestinationReference.Target) -> Bool
    ) {
        self.log = log
        self.layout = layout
        self.clock = clock
        routing = TaskRouting(layout: layout, largeThreshold: largeThreshold, isOrdered: isOrdered)
    }

    /// Runs replays in this process.
    /// - Parameter process: its name, for people.
    package func runner(process: String, logger: Logger) -> ReplayRunner {
        ReplayRunner(log: log, layout: layout, clock: clock, routing: routing, process: process, logger: logger)
    }

    /// All that is known of replays and issues.
    /// - Throws: `LogError`.
    package func book() async throws -> ReplayBook { try await ReplayBook.read(log, layout) }

    /// Calls `each` with every letter that is selected, and what a replay would do with it.
    /// - Parameter topic: of the letters; nil for the dead letters of this program.
    /// - Throws: `LogError`.
    package func letters(
        _ selection: LetterSelection, topic: String? = nil,
        _ each: (DeadLetter, LetterJudgement) async throws -> Void
    ) async throws {
        let reader = LetterReader(log: log, layout: layout, topic: topic)
        let ranges = try await reader.bounds()
        let judge = try await reader.judge(selection, in: ranges, discards: try await book().discards).judge
        var seen = Set<NameDigest>()
        try await reader.each(selection, in: ranges) { letter in
            var judgement = judge.judge(letter)
            // A letter may be there twice on a log without transactions.
            if judgement == .due, let task = letter.generation, !seen.insert(task.digest).inserted {
                judgement = .replayed
            }
            try await each(letter, judgement)
        }
    }

    /// What a replay of the selected letters would do.
    /// - Throws: `LogError`.
    package func plan(_ selection: LetterSelection, topic: String? = nil) async throws -> ReplayPlan {
        var plan = ReplayPlan(now: clock.wall)
        try await letters(selection, topic: topic) { letter, judgement in plan.add(letter, judgement) }
        return plan
    }

    /// Writes a replay, which the process that runs replays then takes up; a discard holds at once.
    /// - Parameter topic: of the letters; nil for the dead letters of this program.
    /// - Throws: `LogError`; `RecordError` when it is not known whether another log is moving here.
    package func begin(
        _ action: ReplayRecord.Action, _ selection: LetterSelection, topic: String? = nil, by: ByteText,
        reason: String, to destination: ByteText? = nil, pace: ReplayPace = ReplayPace(), plan: ReplayPlan? = nil
    ) async throws -> ReplayRecord {
        // Between a letter and its next generation, which is still to come, a replay would append that once more.
        let migrations = try await MigrationRecord.all(log, layout).values
        if let moving = migrations.first(where: { $0.finishedAt == nil }) {
            throw LogError.unavailable(
                "the log of \(moving.origin) is moving here; replay when 'backhaul migrate' has ended")
        }
        let reader = LetterReader(log: log, layout: layout, topic: topic)
        var results: [Int: Int64] = [:]
        for bounds in try await log.bounds(layout.results) { results[bounds.partition.partition] = bounds.end }
        let at = clock.wall
        let replay = ReplayRecord(
            id: Self.id(at), action: action, by: by, reason: reason, at: at, selection: selection,
            topic: reader.topic, letters: try await reader.bounds(), results: results, destination: destination,
            pace: pace, plannedTasks: plan?.due ?? 0, plannedSize: plan?.size ?? .zero)
        _ = try await log.append([replay.request(layout)])
        return replay
    }

    /// The day and time, and 20 bits at random: two operators may begin at the same moment.
    private static func id(_ at: Timestamp) -> String {
        let digits = TimeText.format(at).utf8.filter { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        let text = String(decoding: digits, as: UTF8.self)
        let letters = Array("abcdefghijkmnpqrstuvwxyz23456789")
        let tail = String((0..<4).map { _ in letters[Int.random(in: 0..<letters.count)] })
        return "\(text.prefix(8))-\(text.dropFirst(8).prefix(6))-\(tail)"
    }

    /// Tells the process that runs replays what is wanted. Of a discard, `cancel` takes it back.
    /// - Throws: `LogError`.
    package func order(_ kind: ReplayOrder.Kind, _ id: String, by: ByteText) async throws {
        _ = try await log.append([ReplayOrder(kind, by: by, at: clock.wall).request(id, layout)])
    }

    /// - Parameter mute: nil shows the issue again.
    /// - Throws: `LogError`.
    package func mute(_ issue: String, _ mute: IssueMute?) async throws {
        _ = try await log.append([IssueMute.request(mute, issue: issue, layout)])
    }

    /// Submits one task again, as the next generation, to its destination or another.
    ///
    /// - Parameters:
    ///   - task: the generation that ended.
    ///   - position: the position of its record, if known; otherwise its dead letter is searched for.
    ///   - destination: the new destination; nil keeps the old one.
    /// - Returns: the outcome of the append; nil when neither its record nor its letter is still kept.
    /// - Throws: `LogError`; `TaskRules.InvalidTaskError` for an invalid destination, or a task of the last generation.
    package func again(
        _ task: TaskGeneration, at position: LogPosition?, destination: DestinationReference?
    ) async throws -> AppendOutcome? {
        guard task.next != nil else {
            throw TaskRules.InvalidTaskError(
                "last-generation", "the task cannot be replayed again; submit it under a new id")
        }
        guard let (stored, found) = try await record(of: task, at: position) else { return nil }
        var fresh = found
        if let destination { fresh.destination = destination }
        try TaskRules.check(fresh)
        return try await log.append([
            request(stored, fresh, isChanged: destination != nil, after: task.generation)
        ])[0]
    }

    /// What the log gets for the next generation of a task, due at once; nil when its record is not kept any more.
    package func nextRequest(_ task: TaskGeneration, at position: LogPosition?) async throws -> AppendRequest? {
        guard task.next != nil, let position, let (stored, found) = try await record(at: position, of: task) else {
            return nil
        }
        return try request(stored, found, isChanged: false, after: task.generation)
    }

    private func record(at position: LogPosition, of task: TaskGeneration) async throws -> (StoredRecord, UploadTask)? {
        let page = try await log.read(position.partition, from: position.offset, records: 1, bytes: ByteCount(1))
        // The offset may be truncated away: the page then begins after it.
        guard let stored = page.records.first, stored.position == position,
            let found = try? TaskRecord.read(stored.record).task, found.identity == task.identity
        else { return nil }
        return (stored, found)
    }

    private func record(of task: TaskGeneration, at position: LogPosition?) async throws -> (StoredRecord, UploadTask)?
    {
        if let position, let found = try await record(at: position, of: task) { return found }
        var letter: (StoredRecord, UploadTask)?
        for bounds in try await log.decidedBounds(layout.deadLetters) where letter == nil {
            try await log.scan(bounds.partition, to: bounds.end) { records in
                for stored in records {
                    let found = DeadLetter(stored)
                    guard found.generation == task, let content = found.task else { continue }
                    letter = (found.stored, content)
                }
            }
        }
        return letter
    }

    private func request(
        _ stored: StoredRecord, _ task: UploadTask, isChanged: Bool, after generation: Int
    ) throws -> AppendRequest {
        try TaskRecord.replayed(
            stored.record, task, isChanged: isChanged, generation: generation + 1, to: routing.topic(of: task))
    }
}
