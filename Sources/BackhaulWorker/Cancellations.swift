package import BackhaulDomain
package import BackhaulLog
internal import BackhaulRecords
internal import Synchronization

/// The task generations whose owners want them no more, followed in the control topic.
///
/// A cancelled generation has its result already, and its wish was written with it; what is left to a worker is not to
/// upload it, and to take the wish out of the topic when it meets the task's record. So the topic holds what no worker has
/// met. A wish that was met is remembered for a while: on Kafka a task may have two records.
package final class Cancellations: Sendable {
    private struct State {
        var wanted: Set<TaskGeneration> = []
        /// Met, and until when that is remembered.
        var met: [TaskGeneration: ContinuousClock.Instant] = [:]
        var next: Int64 = 0
        var listeners: [@Sendable (TaskGeneration) async -> Void] = []
    }

    private let log: any MessageLog
    private let partition: TopicPartition
    private let state = Mutex(State())

    /// Every commit of the log is a change: under load many of them are looked at together.
    private static let pause = Duration.milliseconds(250)
    private static let memory = Duration.seconds(600)

    package init(log: any MessageLog, layout: TopicLayout) {
        self.log = log
        partition = TopicPartition(topic: layout.control, partition: 0)
    }

    package func contains(_ task: TaskGeneration) -> Bool {
        state.withLock { $0.wanted.contains(task) || $0.met[task] != nil }
    }

    /// - Parameter listener: told of each generation that is cancelled from now on.
    func listen(_ listener: @escaping @Sendable (TaskGeneration) async -> Void) {
        state.withLock { $0.listeners.append(listener) }
    }

    /// Reads what has been written by now.
    /// - Parameter isWhole: also what lies behind a transaction that is still open, which is waited for: before the first
    ///   task, since a dead worker may have left one.
    /// - Throws: `LogError`.
    package func catchUp(isWhole: Bool = false) async throws {
        let limit = isWhole ? try await log.decided(partition) : 0
        while true {
            let from = state.withLock(\.next)
            let page = try await log.read(partition, from: from, records: 1_000, bytes: 1 << 20)
            let now = ContinuousClock.now
            var cancelled: [TaskGeneration] = []
            let listeners = state.withLock { state -> [@Sendable (TaskGeneration) async -> Void] in
                // Another reader was faster: an old page must not undo what came after it.
                guard state.next == from else { return [] }
                for stored in page.records {
                    guard let (task, isRequest) = CancelRecord.read(stored.record) else { continue }
                    if !isRequest {
                        if state.wanted.remove(task) != nil { state.met[task] = now + Self.memory }
                    } else if state.wanted.insert(task).inserted {
                        cancelled.append(task)
                    }
                }
                state.next = page.next
                state.met = state.met.filter { $0.value > now }
                return state.listeners
            }
            for task in cancelled { for listener in listeners { await listener(task) } }
            if page.next >= max(page.end, limit) { return }
        }
    }

    /// Follows the topic until the log closes or the task is cancelled.
    func follow(onTrouble: @Sendable (LogError) -> Void) async {
        let changes = await log.changes()
        var iterator = changes.makeAsyncIterator()
        while true {
            do {
                // First of all: what came since the caller's own look has no change of its own any more.
                try await catchUp()
            } catch let error as LogError {
                if case .closed = error { return }
                onTrouble(error)
                guard (try? await ContinuousClock().sleep(for: .seconds(1))) != nil else { return }
                continue
            } catch {
                return
            }
            guard await iterator.next() != nil, (try? await ContinuousClock().sleep(for: Self.pause)) != nil else {
                return
            }
        }
    }
}
