internal import BackhaulTransfer
internal import Synchronization

/// The waits of an attempt until what it saves is in the log, in order.
final class PendingSaves: Sendable {
    private let waits = Mutex<[CheckedContinuation<Void, any Error>]>([])

    /// Waits for `settle`, once `file` has asked for it.
    /// - Throws: `CancellationError` when the wait is interrupted or its task cancelled.
    func wait(_ interruption: Interruption, _ file: @Sendable () -> Void) async throws {
        defer { interruption.disarm() }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                waits.withLock { $0.append(continuation) }
                // An interruption that has already come ends the wait here; a cancel is looked for below.
                interruption.arm { self.giveUp() }
                if Task.isCancelled { giveUp() }
                file()
            }
        } onCancel: {
            giveUp()
        }
    }

    /// The first of what is being saved is in the log.
    func settle() {
        let first = waits.withLock { $0.isEmpty ? nil : $0.removeFirst() }
        first?.resume()
    }

    private func giveUp() {
        let all = waits.withLock { waits in
            defer { waits = [] }
            return waits
        }
        for wait in all { wait.resume(throwing: CancellationError()) }
    }
}
