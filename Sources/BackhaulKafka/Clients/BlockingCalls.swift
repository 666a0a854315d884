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

    /// As `run`, but returns at once.
    func start(_ body: @escaping @Sendable () -> Void) { queue.async(execute: body) }
}
