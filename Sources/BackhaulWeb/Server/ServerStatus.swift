internal import Synchronization

/// What is known of a server by its routes and by those who wait for it.
final class ServerStatus: Sendable {
    private struct State {
        var outcome: Result<Int, WebServer.Failure>?
        var waiters: [CheckedContinuation<Int, any Error>] = []
        var isStopping = false
    }

    private let state = Mutex(State())

    var isStopping: Bool { state.withLock(\.isStopping) }

    var isListening: Bool {
        if case .success = state.withLock(\.outcome) { true } else { false }
    }

    /// - Returns: whether this is the first time.
    func stop() -> Bool {
        state.withLock { state in
            defer { state.isStopping = true }
            return !state.isStopping
        }
    }

    func listening(on port: Int) { settle(.success(port)) }

    /// The server serves no more. Whoever still waits for it to listen is told why it never did.
    func ended(_ failure: WebServer.Failure) { settle(.failure(failure)) }

    /// The port, once the server listens.
    func port() async throws -> Int {
        try await withCheckedThrowingContinuation { continuation in
            let outcome = state.withLock { state in
                if state.outcome == nil { state.waiters.append(continuation) }
                return state.outcome
            }
            if let outcome { continuation.resume(with: outcome.mapError { $0 as any Error }) }
        }
    }

    private func settle(_ outcome: Result<Int, WebServer.Failure>) {
        let waiters = state.withLock { state in
            if state.outcome == nil { state.outcome = outcome }
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume(with: outcome.mapError { $0 as any Error }) }
    }
}
