import BackhaulDomain
import BackhaulWorker
import Synchronization

/// What the rules of all machines look up.
final class SharedFacts: Sendable {
    private struct State {
        var cancelled: Set<TaskGeneration> = []
        var ordered: Set<ByteText> = []
    }

    private let state = Mutex(State())

    func cancel(_ task: TaskGeneration) { state.withLock { _ = $0.cancelled.insert(task) } }
    func isCancelled(_ task: TaskGeneration) -> Bool { state.withLock { $0.cancelled.contains(task) } }
    func order(_ place: ByteText) { state.withLock { _ = $0.ordered.insert(place) } }
    func isOrdered(_ task: UploadTask) -> Bool {
        state.withLock { $0.ordered.contains(FlowKey.place(task.destination.target)) }
    }
}
