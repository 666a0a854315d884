internal import Dispatch

/// Threads that read, hash and write local files, so that no loop and no cooperative thread waits for a disk.
package struct ReaderPool: Sendable {
    private let queue = DispatchQueue(label: "backhaul.files", attributes: .concurrent)

    package init() {}

    /// Runs blocking work and returns its value.
    package func run<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result { try work() }) }
        }
    }

    /// Starts blocking work and does not wait for it.
    package func submit(_ work: @escaping @Sendable () -> Void) {
        queue.async(execute: work)
    }
}
