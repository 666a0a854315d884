internal import Synchronization

/// The state of a server: starting, listening, stopping or ended.
final class ServerStatus: Sendable {
    private struct State {
        var outcome: Result<Int, WebServer.StartError>?
        var waiters: [CheckedContinuation<Int, any Error>] = []
        var isStopping = false
    }

    private let state = Mutex(State())

    var isStopping: Bool { state.withLock(\.isStopping) }

    var isListening: Bool {
        if case .success = state.withLock(\.outcome) { true } else { false }
    }

    /// - Returns: whether this is the first call.
    func stop() -> Bool {
        state.withLock { state in
            defer { state.isStopping = true }
            return !state.isStopping
        }
    }

    func listening(on port: Int) { settle(.success(port)) }

    /// Records that the server has ended. Callers that still wait in `port()` get the failure.
    func ended(_ failure: WebServer.StartError) { settle(.failure(failure)) }

    /// Waits until the server listens, and returns its port.
    func port() async throws -> Int {
        try await withCheckedThrowingContinuation { continuation in
            let outcome = state.withLock { state in
                if state.outcome == nil { state.waiters.append(continuation) }
                return state.outcome
            }
            if let outcome { continuation.resume(with: outcome.mapError { $0 as any Error }) }
        }
    }

    private func settle(_ outcome: Result<Int, WebServer.StartError>) {
        let waiters = state.withLock { state in
            if state.outcome == nil { state.outcome = outcome }
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume(with: outcome.mapError { $0 as any Error }) }
    }
}
