import BackhaulDomain
import BackhaulLog
import BackhaulRecords
import BackhaulView

/// Follows the results topic for the ends of task generations.
struct ResultFollower {
    private let log: any MessageLog
    private var next: [TopicPartition: Int64]

    /// Results from here on are seen: to be made before what is to end is told.
    init(_ log: any MessageLog, _ layout: TopicLayout) async throws {
        self.log = log
        let bounds = try await log.bounds(layout.results)
        next = Dictionary(bounds.map { ($0.partition, $0.end) }) { first, _ in first }
        try await log.watch(next)
    }

    /// How the generations have ended, once all have or `patience` is over; nil for one that has not, as far as known.
    /// - Parameter view: knows what had ended before.
    mutating func ends(
        of tasks: [TaskGeneration], patience: Duration, _ view: any ViewReader
    ) async throws -> [TaskState?] {
        var open = Set(tasks)
        var ends: [TaskGeneration: TaskState] = [:]
        let end = ContinuousClock.now + patience
        let news = Signal()
        // A stream of its own: one whose reader was cancelled tells nothing any more.
        let changes = await log.changes()
        try await look(&open, &ends)
        if !open.isEmpty { try await ask(view, &open, &ends) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { for await _ in changes { news.raise() } }
            defer { group.cancelAll() }
            while !open.isEmpty, ContinuousClock.now < end {
                await news.wait(for: end - .now)
                try await look(&open, &ends)
            }
        }
        if !open.isEmpty { try await ask(view, &open, &ends) }
        return tasks.map { ends[$0] }
    }

    private mutating func look(_ open: inout Set<TaskGeneration>, _ ends: inout [TaskGeneration: TaskState])
        async throws
    {
        for (partition, offset) in next {
            next[partition] = try await log.follow(partition, from: offset) { records in
                for stored in records {
                    guard let (task, kind) = ResultRecord.ending(stored.record), open.remove(task) != nil else {
                        continue
                    }
                    ends[task] = TaskState(rawValue: kind.rawValue)
                }
            }
        }
    }

    private func ask(
        _ view: any ViewReader, _ open: inout Set<TaskGeneration>, _ ends: inout [TaskGeneration: TaskState]
    ) async throws {
        try await view.catchUp()
        let known = try await view.known(open.map(\.identity))
        for task in open {
            guard let found = known[task.identity], let state = found.state else { continue }
            // A later generation is only accepted once this one has ended, or is to be cancelled.
            guard found.generation == task.generation, state.isTerminal else { continue }
            open.remove(task)
            ends[task] = state
        }
    }
}
