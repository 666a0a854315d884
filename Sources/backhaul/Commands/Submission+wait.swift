import BackhaulDomain
import BackhaulLog
import BackhaulRecords
import BackhaulView

/// Waiting for the results of what was submitted.
extension Submission {
    /// Returns the current end offsets of the results.
    func resultEnds() async throws -> [TopicPartition: Int64] {
        Dictionary(try await log.bounds(layout.results).map { ($0.partition, $0.end) }) { first, _ in first }
    }

    /// Between two calls of `look` without news.
    private static let interval = Duration.seconds(2)

    /// How the waiting ended.
    enum Waited: Hashable {
        /// The number of tasks that did not succeed.
        case allEnded(failed: Int)
        case timeIsUp(unfinished: Int)
    }

    /// Waits until each accepted task, and each that was under way, has a result.
    /// - Parameters:
    ///   - starts: the results' end offsets before the submission.
    ///   - end: when to stop waiting; nil for never.
    ///   - look: called at each change of the log, and every two seconds.
    ///   - text: what a terminal shows for the counts of done and of all tasks.
    func waitForResults(
        from starts: [TopicPartition: Int64], until end: ContinuousClock.Instant?, look: () throws -> Void,
        _ text: (Int, Int) -> String
    ) async throws -> Waited {
        let changes = await log.changes()
        nextResults = starts
        let total = awaited.count
        try await log.watch(nextResults)
        if !log.abilities.contains(.refusesKnownIdentity), !asksFirst { try await lookBack(before: starts) }
        var asking = Self.firstAsking
        var asked = ContinuousClock.now
        let news = Signal()
        let waited: Waited = try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for await _ in changes { news.raise() }
            }
            defer { group.cancelAll() }
            while true {
                try await lookForResults()
                try await followRetries()
                bar.show(text(total - awaited.count, total))
                if awaited.isEmpty { return .allEnded(failed: failed.count) }
                if asksFirst, ContinuousClock.now - asked > asking {
                    try await askForEnded()
                    asked = .now
                    asking *= 2
                }
                let rest = end.map { $0 - .now } ?? Self.interval
                if rest <= .zero { return .timeIsUp(unfinished: awaited.count) }
                try look()
                await news.wait(for: min(rest, Self.interval))
                try Task.checkCancellation()
            }
        }
        bar.clear()
        return waited
    }

    /// How long after the submission the fleet is asked again; then after twice as long, and so on.
    private static let firstAsking = Duration.seconds(1)

    /// The view may have been behind when the files were accepted again: a generation that had its result then gets no
    /// other.
    private func askForEnded() async throws {
        for (identity, task) in try await known(Array(awaited.keys)) {
            guard let generation = awaited[identity], task.generation >= generation, let state = task.state,
                state.isTerminal
            else { continue }
            awaited[identity] = nil
            if state != .succeeded { failed.insert(identity) }
        }
    }

    /// A log that does not know what was submitted accepts it again, and a generation that has its result gets no
    /// other: then the earlier one counts.
    private func lookBack(before starts: [TopicPartition: Int64]) async throws {
        for (partition, start) in starts.sorted(by: { $0.key < $1.key }) where !awaited.isEmpty {
            try await log.scan(partition, to: start) { records in
                for stored in records { self.take(stored) }
            }
        }
    }

    private func lookForResults() async throws {
        for (partition, offset) in nextResults {
            nextResults[partition] = try await log.follow(partition, from: offset) { records in
                for stored in records { self.take(stored) }
            }
        }
    }

    private func take(_ stored: StoredRecord) {
        // The headers are enough. The document is read only when they are not ours.
        let ended: (task: TaskGeneration, status: OutcomeKind)
        if let read = ResultRecord.ending(stored.record) {
            ended = read
        } else if let document = try? ResultRecord.read(stored.record),
            let status = OutcomeKind(rawValue: document.status)
        {
            ended = (document.task, status)
        } else {
            return
        }
        let identity = ended.task.identity
        guard let generation = awaited[identity], ended.task.generation >= generation else { return }
        awaited[identity] = nil
        if ended.status == .cancelled { cancelled[identity] = ended.task.generation }
        if ended.status != .succeeded { failed.insert(identity) }
    }

    /// Goes on waiting for tasks of which an operator has cancelled the waiting generation and accepted the next one.
    /// That was appended before the cancel, so the view has it.
    private func followRetries() async throws {
        guard !cancelled.isEmpty else { return }
        let ended = cancelled
        cancelled = [:]
        for (identity, task) in try await known(Array(ended.keys)) {
            guard let generation = ended[identity], task.generation > generation, let state = task.state else {
                continue
            }
            failed.remove(identity)
            if !state.isTerminal {
                awaited[identity] = task.generation
            } else if state != .succeeded {
                failed.insert(identity)
            }
        }
    }
}
