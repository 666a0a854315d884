internal import Synchronization

/// A wait that ends with the first of several outcomes; later ones are dropped.
final class FirstOutcome<Value: Sendable>: Sendable {
    private enum State {
        /// Neither awaited nor complete.
        case open
        case awaited(CheckedContinuation<Value, any Error>)
        case complete(Result<Value, any Error>)
    }

    private let state = Mutex(State.open)

    func complete(_ outcome: Result<Value, any Error>) {
        let waiting: CheckedContinuation<Value, any Error>? = state.withLock { state in
            switch state {
            case .open:
                state = .complete(outcome)
                return nil
            case .awaited(let continuation):
                state = .complete(outcome)
                return continuation
            case .complete: return nil
            }
        }
        waiting?.resume(with: outcome)
    }

    /// The first outcome. Called once.
    func value() async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            let outcome: Result<Value, any Error>? = state.withLock { state in
                guard case .complete(let outcome) = state else {
                    state = .awaited(continuation)
                    return nil
                }
                return outcome
            }
            if let outcome { continuation.resume(with: outcome) }
        }
    }
}
