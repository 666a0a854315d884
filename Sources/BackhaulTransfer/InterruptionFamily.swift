internal import Synchronization

/// Interruptions of steps that run together, interrupted as one.
package final class InterruptionFamily: Sendable {
    private struct State {
        var members: [Interruption] = []
        var isInterrupted = false
    }

    private let state = Mutex(State())

    package init() {}

    /// Another member; it is interrupted already where the family is.
    package func member() -> Interruption {
        let member = Interruption()
        let isLate = state.withLock { state in
            state.members.append(member)
            return state.isInterrupted
        }
        if isLate { member.interrupt() }
        return member
    }

    package func interrupt() {
        let members = state.withLock { state in
            state.isInterrupted = true
            return state.members
        }
        for member in members { member.interrupt() }
    }
}
