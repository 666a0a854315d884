package import BackhaulDomain
internal import Synchronization

/// Asked before every upload. Limits by destination and tenant, breakers and budgets have their place behind it.
package protocol UploadGate: Sendable {
    /// Waits until the upload may begin.
    /// - Throws: `CancellationError`.
    func enter(_ task: UploadTask) async throws
    /// The upload has ended.
    func leave(_ task: UploadTask)
}

/// So many uploads at a time, first come first served.
package final class SlotGate: UploadGate {
    private struct State {
        var slots: Int
        /// Below zero after a resize, until as many have left.
        var free: Int
        var waiters: [(id: Int, continuation: CheckedContinuation<Void, any Error>)] = []
        var cancelled: Set<Int> = []
        var nextID = 0
    }

    private let state: Mutex<State>

    package init(slots: Int) {
        state = Mutex(State(slots: slots, free: slots))
    }

    /// From now on so many at a time. With fewer, those under way go on, and the next wait for them.
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

    package func enter(_ task: UploadTask) async throws {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let result = state.withLock { state -> Result<Void, any Error>? in
                    // A cancel that came first has left its number behind.
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
            let waiter = state.withLock { state -> CheckedContinuation<Void, any Error>? in
                guard let index = state.waiters.firstIndex(where: { $0.id == id }) else {
                    // Not filed yet, or let in already; a number of one let in is cleared by `leave` below never being
                    // asked for it, so it is only kept for those to come.
                    state.cancelled.insert(id)
                    return nil
                }
                return state.waiters.remove(at: index).continuation
            }
            waiter?.resume(throwing: CancellationError())
        }
        // Let in, then cancelled: the number must not stay.
        _ = state.withLock { $0.cancelled.remove(id) }
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
