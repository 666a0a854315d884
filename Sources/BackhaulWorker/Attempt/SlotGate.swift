package import BackhaulDomain
package import BackhaulTransfer
internal import Synchronization

/// Admits a fixed number of uploads at a time, first come first served.
package final class SlotGate: UploadGate {
    private struct State {
        var slots: Int
        /// Below zero after a resize to fewer slots, until enough uploads have left.
        var free: Int
        var waiters: [(id: Int, continuation: CheckedContinuation<Void, any Error>)] = []
        /// Numbers of the callers that wait or are about to wait, and of those among them whose wait was cancelled.
        var asking: Set<Int> = []
        var cancelled: Set<Int> = []
        var nextID = 0
    }

    private let state: Mutex<State>

    package init(slots: Int) {
        state = Mutex(State(slots: slots, free: slots))
    }

    /// Sets the number of slots. With fewer slots, uploads in progress continue and new ones wait for them.
    package func resize(to slots: Int) {
        let called = state.withLock { state in
            state.free += slots - state.slots
            state.slots = slots
            var called: [CheckedContinuation<Void, any Error>] = []
            while state.free > 0, !state.waiters.isEmpty {
                state.free -= 1
                called.append(state.waiters.removeFirst().continuation)
            }
            return called
        }
        for continuation in called { continuation.resume() }
    }

    package func enter(_ task: UploadTask, _ interruption: Interruption) async throws {
        let (isIn, id) = state.withLock { state in
            // Callers wait only when no slot is free.
            guard state.free > 0 else {
                state.nextID += 1
                state.asking.insert(state.nextID)
                return (false, state.nextID)
            }
            state.free -= 1
            return (true, 0)
        }
        if isIn { return }
        interruption.arm { self.cancel(id) }
        defer {
            interruption.disarm()
            state.withLock { state in
                state.asking.remove(id)
                state.cancelled.remove(id)
            }
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let result = state.withLock { state -> Result<Void, any Error>? in
                    // A cancel that came before this point has stored the number.
                    if state.cancelled.remove(id) != nil { return .failure(CancellationError()) }
                    if state.free > 0 {
                        state.free -= 1
                        return .success(())
                    }
                    state.waiters.append((id, continuation))
                    return nil
                }
                if let result { continuation.resume(with: result) }
            }
        } onCancel: {
            cancel(id)
        }
    }

    private func cancel(_ id: Int) {
        let waiter = state.withLock { state -> CheckedContinuation<Void, any Error>? in
            guard let index = state.waiters.firstIndex(where: { $0.id == id }) else {
                // The caller is not stored yet, or is already admitted. A late interruption of a caller that has
                // left `enter` finds no number in `asking`.
                if state.asking.contains(id) { state.cancelled.insert(id) }
                return nil
            }
            return state.waiters.remove(at: index).continuation
        }
        waiter?.resume(throwing: CancellationError())
    }

    package func leave(_ task: UploadTask) {
        let next = state.withLock { state -> CheckedContinuation<Void, any Error>? in
            if state.waiters.isEmpty || state.free < 0 {
                state.free += 1
                return nil
            }
            return state.waiters.removeFirst().continuation
        }
        next?.resume()
    }
}
