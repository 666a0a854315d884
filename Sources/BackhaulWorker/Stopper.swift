internal import BackhaulLog
internal import Synchronization

/// Tells one delivery's work to stop, and why.
final class Stopper: Sendable {
    enum Reason: Sendable {
        /// The worker stops, or gives the partition up: as if the attempt had not been.
        case interrupt
        /// The delivery holds its partition's intake back: move it on.
        case makeWay
        /// Its owner wants it no more.
        case cancel
    }

    private let reason = Mutex<Reason?>(nil)
    private let signal = Signal()
    private let uploading = Atomic<Bool>(false)

    /// Whether bytes are on their way: such work gets time to finish.
    var isUploading: Bool {
        get { uploading.load(ordering: .relaxed) }
        set { uploading.store(newValue, ordering: .relaxed) }
    }

    /// The first reason stands.
    func stop(_ why: Reason) {
        reason.withLock { $0 = $0 ?? why }
        signal.raise()
    }

    var stopped: Reason? { reason.withLock { $0 } }

    /// Runs `body`; when stopped, cancels it and gives nil once it has ended. A value that `body` reached all the same
    /// is kept: what is done is done.
    func run<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) async throws -> Value? {
        if stopped != nil { return nil }
        return try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask {
                do {
                    return try await body()
                } catch is CancellationError {
                    return nil
                }
            }
            group.addTask {
                // The end of an earlier run leaves the signal raised; only a reason counts.
                while self.stopped == nil, !Task.isCancelled { await self.signal.wait() }
                return nil
            }
            let first = try await group.next() ?? nil
            group.cancelAll()
            let second = try await group.next() ?? nil
            return first ?? second
        }
    }
}
