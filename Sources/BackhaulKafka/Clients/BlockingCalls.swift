internal import BackhaulUnits
internal import Dispatch

/// Runs the blocking calls of one librdkafka client in order, off the loop: transactions, positions, administration. On
/// the loop they would deadlock, since the events that it serves complete them.
final class BlockingCalls: Sendable {
    private let queue: DispatchQueue

    init(name: String) {
        queue = DispatchQueue(label: name)
    }

    /// Runs `body` after all earlier calls.
    func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result { try body() }) }
        }
    }

    /// As `run`, but a cancelled caller does not wait for the answer of a broker that may be dead. The call itself goes
    /// on, and its outcome is lost: only for requests whose callers can do without it.
    /// - Throws: `CancellationError`; what `body` throws.
    func ask<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        let outcome = FirstOutcome<Value>()
        return try await withTaskCancellationHandler {
            try Task.checkCancellation()
            queue.async { outcome.complete(Result { try body() }) }
            return try await outcome.value()
        } onCancel: {
            outcome.complete(.failure(CancellationError()))
        }
    }

    /// Runs `body` after all earlier calls of these and of `others`; waits for its end at most `allowance`.
    /// - Returns: whether it has ended.
    func run(
        after others: BlockingCalls, within allowance: Duration, _ body: @escaping @Sendable () -> Void
    ) async -> Bool {
        let outcome = FirstOutcome<Bool>()
        others.start { [queue] in
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

    /// As `run`, but returns at once.
    func start(_ body: @escaping @Sendable () -> Void) { queue.async(execute: body) }
}
