internal import Synchronization

/// What is known of a server by its routes and by those who wait for it.
final class ServerStatus: Sendable {
    private struct State {
        var outcome: Result<Int, WebServer.Failure>?
        var waiters: [CheckedContinuation<Int, any Error>] = []
        var isReady = false
        var isStopping = false
    }

    private let state = Mutex(State())

    var isReady: Bool {
        get { state.withLock(\.isReady) }
        set { state.withLock { $0.isReady = newValue } }
    }

    var isStopping: Bool {
        get { state.withLock(\.isStopping) }
        set { state.withLock { $0.isStopping = newValue } }
    }

    func listening(on port: Int) { settle(.success(port)) }

    func failed(_ failure: WebServer.Failure) { settle(.failure(failure)) }

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
            state.outcome = outcome
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume(with: outcome.mapError { $0 as any Error }) }
    }
}
