internal import BackhaulLog
internal import BackhaulUnits
internal import Dispatch
internal import Synchronization

/// Runs the blocking calls of one librdkafka client in order, off the loop: transactions, positions, administration. On
/// the loop they would deadlock, since the events that it serves complete them.
final class BlockingCalls: Sendable {
    private let queue: DispatchQueue
    private let hasEnded = Mutex(false)

    init(name: String) {
        queue = DispatchQueue(label: name)
    }

    /// Runs `body` after all earlier calls.
    /// - Throws: `LogError.closed` after `end`; what `body` throws.
    func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            if !start({ continuation.resume(with: Result { try body() }) }) {
                continuation.resume(throwing: LogError.closed)
            }
        }
    }

    /// As `run`, but a cancelled caller does not wait for the answer of a broker that may be dead. The call itself goes
    /// on, and its outcome is lost: only for requests whose callers can do without it.
    /// - Throws: `CancellationError`; `LogError.closed` after `end`; what `body` throws.
    func ask<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        let outcome = FirstOutcome<Value>()
        return try await withTaskCancellationHandler {
            try Task.checkCancellation()
            guard start({ outcome.complete(Result { try body() }) }) else { throw LogError.closed }
            return try await outcome.value()
        } onCancel: {
            outcome.complete(.failure(CancellationError()))
        }
    }

    /// As `run`, but returns at once.
    /// - Returns: whether `body` will run: not after `end`.
    @discardableResult
    func start(_ body: @escaping @Sendable () -> Void) -> Bool {
        hasEnded.withLock { hasEnded in
            if !hasEnded { queue.async(execute: body) }
            return !hasEnded
        }
    }

    /// Runs `body`, which destroys the client, as the last of these calls and of `others`: a later call would use a
    /// destroyed client. Waits for its end at most `allowance`.
    /// - Returns: whether it has ended.
    func end(
        with others: BlockingCalls, within allowance: Duration, _ body: @escaping @Sendable () -> Void
    ) async -> Bool {
        let outcome = FirstOutcome<Bool>()
        // What was started before is in the queues already, and `body` comes behind it.
        hasEnded.withLock { $0 = true }
        others.hasEnded.withLock { $0 = true }
        others.queue.async { [queue] in
            queue.async {
                body()
                outcome.complete(.success(true))
            }
        }
        DispatchQueue.global().asyncAfter(deadline: .now() + allowance.inSeconds) {
            outcome.complete(.success(false))
        }
        return (try? await outcome.value()) ?? false
    }
}
