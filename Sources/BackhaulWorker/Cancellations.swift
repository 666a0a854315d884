package import BackhaulDomain
package import BackhaulLog
internal import BackhaulRecords
internal import BackhaulUnits
internal import Synchronization

/// The cancelled task generations, followed in the control topic.
///
/// A cancelled generation already has its result; its cancel request was written with it. A worker only has to skip
/// the upload, and to remove the request from the topic when it gets the task's record. So the topic holds the
/// requests that no worker has observed. An observed request is remembered for ten minutes, since a task may have
/// two records on Kafka.
package final class Cancellations: Sendable {
    private struct State {
        var wanted: Set<TaskGeneration> = []
        /// Observed requests, and until when they are remembered.
        var met: [TaskGeneration: ContinuousClock.Instant] = [:]
        var next: Int64 = 0
        var listeners: [@Sendable (TaskGeneration) async -> Void] = []
    }

    private let log: any MessageLog
    private let partition: TopicPartition
    private let state = Mutex(State())

    /// Every commit of the log is a change. Under load this pause batches many of them into one read.
    private static let pause = Duration.milliseconds(250)
    private static let memory = Duration.seconds(600)

    package init(log: any MessageLog, layout: TopicLayout) {
        self.log = log
        partition = TopicPartition(topic: layout.control, partition: 0)
    }

    package func contains(_ task: TaskGeneration) -> Bool {
        state.withLock { $0.wanted.contains(task) || $0.met[task] != nil }
    }

    /// - Parameter listener: called for each generation that is cancelled from now on.
    func listen(_ listener: @escaping @Sendable (TaskGeneration) async -> Void) {
        state.withLock { $0.listeners.append(listener) }
    }

    /// Reads the cancel requests written so far.
    /// - Parameter isWhole: whether to wait for open transactions and read what is behind them. Needed before the
    ///   first task, since a dead worker may have left one open.
    /// - Throws: `LogError`.
    package func catchUp(isWhole: Bool = false) async throws {
        let limit = isWhole ? try await log.decided(partition) : 0
        while true {
            let from = state.withLock(\.next)
            let page = try await log.read(partition, from: from, records: 1_000, bytes: ByteCount(1 << 20))
            let now = ContinuousClock.now
            var cancelled: [TaskGeneration] = []
            let listeners = state.withLock { state -> [@Sendable (TaskGeneration) async -> Void] in
                // Another reader was faster. An old page must not undo what was read after it.
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
                // Read before the first wait: what came between the caller's last read and `changes()` raises no
                // change.
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
