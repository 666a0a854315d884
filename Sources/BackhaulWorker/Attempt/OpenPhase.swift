internal import Synchronization

/// How far the opening of a source has come, known while it hangs.
final class OpenPhase: Sendable {
    enum Phase: Sendable {
        /// No thread has begun it.
        case waiting
        case resolving
        case opening
        case ended
    }

    private let state = Mutex<(phase: Phase, isOverdue: Bool)>((.waiting, false))

    func enter(_ phase: Phase) { state.withLock { $0.phase = phase } }

    /// Nobody waits for it any more. If it hangs in the source, `note` is called before it can end.
    func overdue(_ note: () -> Void) -> Phase {
        state.withLock { state in
            if state.phase == .opening {
                state.isOverdue = true
                note()
            }
            return state.phase
        }
    }

    /// - Returns: whether it was noted as hanging.
    func end() -> Bool {
        state.withLock { state in
            state.phase = .ended
            return state.isOverdue
        }
    }
}
