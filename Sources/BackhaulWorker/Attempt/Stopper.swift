internal import BackhaulTransfer
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
    private let uploading = Atomic<Bool>(false)
    /// Ends whatever the work waits for.
    let interruption = Interruption()

    /// Whether bytes are on their way: such work gets time to finish.
    var isUploading: Bool {
        get { uploading.load(ordering: .relaxed) }
        set { uploading.store(newValue, ordering: .relaxed) }
    }

    /// The first reason stands.
    func stop(_ why: Reason) {
        reason.withLock { $0 = $0 ?? why }
        interruption.interrupt()
    }

    var stopped: Reason? { reason.withLock { $0 } }

    /// Runs `body` unless stopped; nil when a stop ended it. A value that `body` reached all the same is kept: what is done
    /// is done.
    func run<Value>(_ body: (Interruption) async throws -> Value) async throws -> Value? {
        if stopped != nil { return nil }
        do {
            return try await body(interruption)
        } catch is CancellationError {
            return nil
        }
    }
}
