internal import BackhaulTransfer
internal import Synchronization

/// Stops the work on one delivery, with a reason.
final class Stopper: Sendable {
    enum Reason: Sendable {
        /// The worker stops or releases the partition. The attempt does not count.
        case interrupt
        /// The delivery blocks the intake of its partition and has to be moved to another topic.
        case makeWay
        /// The task was cancelled.
        case cancel
    }

    private let reason = Mutex<Reason?>(nil)
    private let uploading = Atomic<Bool>(false)
    /// Ends the wait or transfer that the work is in.
    let interruption = Interruption()
    let progress = TransferProgress()

    /// Whether an upload is in progress. Such work gets time to finish.
    var isUploading: Bool {
        get { uploading.load(ordering: .relaxed) }
        set { uploading.store(newValue, ordering: .relaxed) }
    }

    /// Stops the work. The first reason is kept.
    func stop(_ why: Reason) {
        reason.withLock { $0 = $0 ?? why }
        interruption.interrupt()
    }

    var stopped: Reason? { reason.withLock { $0 } }

    /// Runs `body` unless the work is stopped. Returns nil when a stop ended it, but keeps a value that `body`
    /// returned in spite of a stop.
    func run<Value>(_ body: (Interruption) async throws -> Value) async throws -> Value? {
        if stopped != nil { return nil }
        do {
            return try await body(interruption)
        } catch is CancellationError {
            return nil
        }
    }
}
