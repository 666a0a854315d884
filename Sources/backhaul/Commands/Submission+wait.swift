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
        // Each once: what ends from now on is seen in the results.
        var unasked = asksFirst ? Array(awaited.keys) : []
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
                if awaited.isEmpty, cancelled.isEmpty { return .allEnded(failed: failed.count) }
                if !unasked.isEmpty { try await askForEnded(&unasked) }
                let rest = end.map { $0 - .now } ?? Self.interval
                let pause = unasked.isEmpty && cancelled.isEmpty ? Self.interval : Self.askingInterval
                if rest <= .zero { return .timeIsUp(unfinished: awaited.count) }
                try look()
                await news.wait(for: min(rest, pause))
                try Task.checkCancellation()
            }
        }
        bar.clear()
        return waited
    }

    /// Between two questions to the fleet.
    private static let askingInterval = Duration.seconds(1)
    /// Files of one question.
    private static let mostAsked = 1_000

    /// The view may have been behind when files were accepted again: a generation that had its result then gets no
    /// other. Asks for the next of them.
    private func askForEnded(_ unasked: inout [TaskIdentity]) async throws {
        var part: [TaskIdentity] = []
        while part.count < Self.mostAsked, let identity = unasked.popLast() {
            if awaited[identity] != nil { part.append(identity) }
        }
        guard !part.isEmpty else { return }
        let found: [TaskIdentity: KnownTask]
        do {
            found = try await known(part)
        } catch let error as CommandError where error.exit == .temporary {
            // The results alone end the wait of almost all.
            unasked += part
            return
        }
        for (identity, task) in found {
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
        if ended.status == .cancelled { cancelled[identity] = (ended.task.generation, 0) }
        if ended.status != .succeeded { failed.insert(identity) }
    }

    /// How often a view is asked of a cancelled task, and of how many together.
    private static let mostAsks = 10
    private static let mostFollowed = 10_000

    /// Goes on waiting for tasks of which an operator has cancelled the waiting generation and accepted the next one.
    /// That was appended before the cancel, so a view that has read the cancel has it.
    private func followRetries() async throws {
        guard !cancelled.isEmpty else { return }
        let found: [TaskIdentity: KnownTask]
        do {
            found = try await known(Array(cancelled.keys.prefix(Self.mostFollowed)))
        } catch let error as CommandError where error.exit == .temporary {
            return
        }
        for identity in Array(cancelled.keys.prefix(Self.mostFollowed)) {
            guard let (generation, asks) = cancelled[identity] else { continue }
            guard let task = found[identity], let state = task.state,
                task.generation > generation || state.isTerminal
            else {
                // The view has not read the cancel yet: asked again, but not for ever.
                cancelled[identity] = asks < Self.mostAsks ? (generation, asks + 1) : nil
                continue
            }
            cancelled[identity] = nil
            guard task.generation > generation else { continue }
            failed.remove(identity)
            if !state.isTerminal {
                awaited[identity] = task.generation
            } else if state != .succeeded {
                failed.insert(identity)
            }
        }
    }
}
