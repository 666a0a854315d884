internal import Dispatch

/// A thread of its own for the calls of one librdkafka client that wait: transactions, positions, administration. The
/// loop that serves events never makes them, since they are answered by events.
final class BlockingCalls: Sendable {
    private let queue: DispatchQueue

    init(name: String) {
        queue = DispatchQueue(label: name)
    }

    /// Runs `body` after every call before it.
    func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result { try body() }) }
        }
    }

    /// Runs `body` after every call before it, without waiting for it.
    func start(_ body: @escaping @Sendable () -> Void) { queue.async(execute: body) }
}
