package import BackhaulDomain
package import BackhaulLog
internal import BackhaulWire

/// Appends the next generation of dead-lettered tasks.
package struct Replay: Sendable {
    /// What a replay did, or would do.
    package struct Summary: Hashable, Sendable {
        /// Letters that the filter took and that are tasks.
        package var selected = 0
        package var bytes: UInt64 = 0
        /// Appended as the next generation.
        package var replayed = 0
        /// Whose next generation exists already.
        package var skipped = 0
        /// Letters that the filter took and that are no task.
        package var malformed = 0

        package init() {}
    }

    private let log: any MessageLog
    private let layout: TopicLayout
    private let clock: any LogClock
    private let routing: TaskRouting
    private static let largestBatch = 500

    package init(
        log: any MessageLog, layout: TopicLayout, clock: any LogClock, largeThreshold: UInt64,
        isOrdered: @escaping @Sendable (DestinationReference.Place) -> Bool
    ) {
        self.log = log
        self.layout = layout
        self.clock = clock
        routing = TaskRouting(layout: layout, largeThreshold: largeThreshold, isOrdered: isOrdered)
    }

    /// Calls `each` with every letter that the filter takes and whether its next generation exists.
    package func letters(
        _ filter: DeadLetterFilter, _ each: (DeadLetter, _ isReplayed: Bool) async throws -> Void
    ) async throws {
        let replayed = try await replayedGenerations()
        for bounds in try await log.decidedBounds(layout.deadLetters) {
            try await log.scan(bounds.partition, to: bounds.end) { records in
                for stored in records {
                    let letter = DeadLetter(stored)
                    guard filter.takes(letter) else { continue }
                    try await each(letter, letter.generation.map { replayed.contains(Self.next($0)) } ?? false)
                }
            }
        }
    }

    /// Replays what the filter takes.
    /// - Parameters:
    ///   - appends: false for a dry run, which only counts.
    ///   - rate: tasks a second at the most; nil for full speed.
    package func run(_ filter: DeadLetterFilter, appends: Bool, rate: Double?) async throws -> Summary {
        var summary = Summary()
        var batch: [AppendRequest] = []
        var seen = Set<TaskGeneration>()
        let start = clock.now
        try await letters(filter) { letter, isReplayed in
            guard let task = letter.task, let generation = letter.generation else {
                summary.malformed += 1
                return
            }
            guard !isReplayed, seen.insert(Self.next(generation)).inserted else {
                summary.skipped += 1
                return
            }
            summary.selected += 1
            summary.bytes += task.size
            guard appends else { return }
            batch.append(request(letter, task))
            if let rate, rate > 0 {
                try await flush(&batch, &summary)
                try await clock.sleep(until: start + Int64(Double(summary.selected) / rate * 1_000))
            } else if batch.count >= Self.largestBatch {
                try await flush(&batch, &summary)
            }
        }
        try await flush(&batch, &summary)
        return summary
    }

    private func flush(_ batch: inout [AppendRequest], _ summary: inout Summary) async throws {
        guard !batch.isEmpty else { return }
        for outcome in try await log.append(batch) {
            // Where the log keeps identities, two replays at the same time still append a generation once.
            if case .appended = outcome { summary.replayed += 1 } else { summary.skipped += 1 }
        }
        batch = []
    }

    private static func next(_ task: TaskGeneration) -> TaskGeneration {
        TaskGeneration(identity: task.identity, generation: task.generation + 1)
    }

    /// The letter's value as it is, as a fresh task of the next generation.
    private func request(_ letter: DeadLetter, _ task: UploadTask) -> AppendRequest {
        let progress = TaskProgress(generation: letter.progress.generation + 1)
        let headers =
            letter.stored.record.headers.filter { !$0.name.hasPrefix(HeaderName.prefix) }
            + ProgressHeaders.encode(progress).map { LogHeader($0.name, text: $0.text) }
        return AppendRequest(
            topic: routing.topic(of: task), partitioning: .hash(task.partitionKey),
            record: LogRecord(key: letter.stored.record.key, value: letter.stored.record.value, headers: headers),
            identity: RecordIdentity(
                name: Array("\(task.identity.tenant)\u{0}\(task.identity.id)\u{0}\(progress.generation)".utf8),
                fingerprint: []))
    }

    /// Every generation above 0 that a task topic or a dead letter names.
    private func replayedGenerations() async throws -> Set<TaskGeneration> {
        var found = Set<TaskGeneration>()
        for topic in [layout.tasks, layout.largeTasks, layout.deadLetters, layout.results] {
            for bounds in try await log.decidedBounds(topic) {
                try await log.scan(bounds.partition, to: bounds.end) { records in
                    for stored in records {
                        if topic == layout.results {
                            // Its key says enough to pass over the many of generation 0 unread.
                            guard stored.record.key?.suffix(2) != Array("/0".utf8)[...],
                                let result = try? ResultDocument.decode(stored.record.value)
                            else { continue }
                            found.insert(result.task)
                            continue
                        }
                        guard stored.record.header(HeaderName.generation) != nil,
                            let task = try? TaskCodec.decode(stored.record.value),
                            let progress = try? ProgressHeaders.decode({ stored.record.header($0)?.text })
                        else { continue }
                        found.insert(TaskGeneration(identity: task.identity, generation: progress.generation))
                    }
                }
            }
        }
        return found
    }
}
