package import BackhaulDomain
package import BackhaulLog
internal import BackhaulWire
internal import Synchronization

/// The task generations whose owners want them no more, followed in the control topic.
///
/// A cancelled generation has its outcome already (whoever cancelled wrote it); what is left to a worker is not to upload
/// it, and to take the wish out of the topic when it meets the task's record. So the topic holds what no worker has met.
package final class Cancellations: Sendable {
    private struct State {
        var wanted: Set<TaskGeneration> = []
        var next: Int64 = 0
        var listeners: [@Sendable (TaskGeneration) async -> Void] = []
    }

    private let log: any MessageLog
    private let partition: TopicPartition
    private let state = Mutex(State())

    package init(log: any MessageLog, layout: TopicLayout) {
        self.log = log
        partition = TopicPartition(topic: layout.control, partition: 0)
    }

    package func contains(_ task: TaskGeneration) -> Bool { state.withLock { $0.wanted.contains(task) } }

    /// - Parameter listener: told of each generation that is cancelled from now on.
    func listen(_ listener: @escaping @Sendable (TaskGeneration) async -> Void) {
        state.withLock { $0.listeners.append(listener) }
    }

    /// Reads what has been written by now.
    /// - Throws: `LogError`.
    package func catchUp() async throws {
        while true {
            let from = state.withLock(\.next)
            let page = try await log.read(partition, from: from, records: 1_000, bytes: 1 << 20)
            var cancelled: [TaskGeneration] = []
            let listeners = state.withLock { state in
                // Two readers at a time apply a page twice, which changes nothing.
                for stored in page.records {
                    guard let task = CancelCodec.task(ofKey: stored.record.key) else { continue }
                    if stored.record.value == nil {
                        state.wanted.remove(task)
                    } else if state.wanted.insert(task).inserted {
                        cancelled.append(task)
                    }
                }
                state.next = max(state.next, page.next)
                return state.listeners
            }
            for task in cancelled where contains(task) { for listener in listeners { await listener(task) } }
            if page.next >= page.end { return }
        }
    }

    /// Follows the topic until the log closes or the task is cancelled.
    func follow(onTrouble: @Sendable (LogError) -> Void) async {
        for await _ in await log.changes() {
            do {
                try await catchUp()
            } catch let error as LogError {
                if case .closed = error { return }
                onTrouble(error)
            } catch {
                return
            }
            // Every commit of the log is a change: under load many of them are looked at together.
            guard (try? await ContinuousClock().sleep(for: Self.pause)) != nil else { return }
        }
    }

    private static let pause = Duration.milliseconds(250)
}
