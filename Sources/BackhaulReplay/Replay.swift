package import BackhaulDomain
package import BackhaulLog
package import BackhaulRecords
package import BackhaulUnits

/// Appends the next generation of dead-lettered tasks.
package struct Replay: Sendable {
    /// What a replay did, or would do as a dry run.
    package struct Summary: Hashable, Sendable {
        /// Letters that match the filter, are tasks, and are not replayed yet.
        package var selected = 0
        /// Bytes of their files.
        package var size = ByteCount.zero
        /// Appended as the next generation.
        package var replayed = 0
        /// Letters whose next generation already exists.
        package var skipped = 0
        /// Matching letters that cannot be replayed: the record is not a task, or is of the last generation.
        package var malformed = 0

        package init() {}
    }

    private let log: any MessageLog
    private let layout: TopicLayout
    private let clock: any LogClock
    private let routing: TaskRouting
    private static let largestBatch = 500

    package init(
        log: any MessageLog, layout: TopicLayout, clock: any LogClock, largeThreshold: ByteCount,
        isOrdered: @escaping @Sendable (DestinationReference.Target) -> Bool
    ) {
        self.log = log
        self.layout = layout
        self.clock = clock
        routing = TaskRouting(layout: layout, largeThreshold: largeThreshold, isOrdered: isOrdered)
    }

    /// Calls `each` with every letter that matches the filter, and whether its next generation exists.
    package func letters(
        _ filter: DeadLetterFilter, _ each: (DeadLetter, _ isReplayed: Bool) async throws -> Void
    ) async throws {
        let replayed = try await replayedGenerations()
        for bounds in try await log.decidedBounds(layout.deadLetters) {
            try await log.scan(bounds.partition, to: bounds.end) { records in
                for stored in records {
                    let letter = DeadLetter(stored)
                    guard filter.takes(letter) else { continue }
                    try await each(letter, letter.generation?.next.map(replayed.contains) ?? false)
                }
            }
        }
    }

    /// Replays the letters that match the filter.
    /// - Parameters:
    ///   - appends: false for a dry run, which only counts.
    ///   - rate: maximum tasks per second; nil for no limit.
    package func run(_ filter: DeadLetterFilter, appends: Bool, rate: Double?) async throws -> Summary {
        var summary = Summary()
        var batch: [AppendRequest] = []
        var seen = Set<TaskGeneration>()
        let start = clock.now
        try await letters(filter) { letter, isReplayed in
            guard let task = letter.task, let next = letter.generation?.next else {
                summary.malformed += 1
                return
            }
            guard !isReplayed, seen.insert(next).inserted else {
                summary.skipped += 1
                return
            }
            summary.selected += 1
            summary.size += task.size
            guard appends else { return }
            batch.append(
                try request(letter.stored, task, isChanged: false, after: letter.progress.generation))
            if let rate, rate > 0 {
                try await flush(&batch, &summary)
                let wait = min(Double(summary.selected) / rate * 1_000, Double(Domain.longestWait.inMilliseconds))
                try await clock.sleep(until: start + .milliseconds(Int64(wait.rounded(.up))))
            } else if batch.count >= Self.largestBatch {
                try await flush(&batch, &summary)
            }
        }
        try await flush(&batch, &summary)
        return summary
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

    private func flush(_ batch: inout [AppendRequest], _ summary: inout Summary) async throws {
        guard !batch.isEmpty else { return }
        for outcome in try await log.append(batch) {
            // Where the log keeps identities, two concurrent replays still append a generation only once.
            if case .appended = outcome { summary.replayed += 1 } else { summary.skipped += 1 }
        }
        batch = []
    }

    private func request(
        _ stored: StoredRecord, _ task: UploadTask, isChanged: Bool, after generation: Int
    ) throws -> AppendRequest {
        try TaskRecord.replayed(
            stored.record, task, isChanged: isChanged, generation: generation + 1, to: routing.topic(of: task))
    }

    /// Every generation above 0 that a task, a dead letter or a result names, and the one after each cancelled
    /// task.
    private func replayedGenerations() async throws -> Set<TaskGeneration> {
        var found = Set<TaskGeneration>()
        for topic in [layout.tasks, layout.largeTasks, layout.deadLetters, layout.results] {
            for bounds in try await log.decidedBounds(topic) {
                try await log.scan(bounds.partition, to: bounds.end) { records in
                    for stored in records {
                        if topic == layout.results {
                            guard let (task, status) = ResultRecord.ending(stored.record) else { continue }
                            // A cancelled task is not replayed, even when a letter came after the cancel.
                            if status == .cancelled, let next = task.next { found.insert(next) }
                            if task.generation > 0 { found.insert(task) }
                            continue
                        }
                        guard TaskRecord.isReplay(stored.record), let read = try? TaskRecord.read(stored.record)
                        else { continue }
                        found.insert(read.generation)
                    }
                }
            }
        }
        return found
    }
}
