internal import BackhaulLog
internal import BackhaulTelemetry
internal import Dispatch
internal import GRDB
internal import Synchronization

/// Group commit: what callers ask for while a commit runs goes into the next one together, so that one fsync serves
/// them all. Each operation runs in a savepoint of its own: one that fails takes nobody else along.
final class CommitQueue: Sendable {
    /// Runs inside the transaction; must write nothing outside of it, since the transaction may still fail.
    typealias Operation<Value> = @Sendable (Database) throws -> Value

    private struct Pending: Sendable {
        /// Runs the operation; gives what to do once the transaction has ended with or without an error.
        let run: @Sendable (Database) -> (end: @Sendable ((any Error)?) -> Void, failure: (any Error)?)
        /// Instead of `run`, when there is no transaction to run it in.
        let fail: @Sendable (any Error) -> Void
    }

    private let writer: any DatabaseWriter
    private let meter: Histogram
    private let pending = Mutex<[Pending]>([])
    private let queue = DispatchQueue(label: "backhaul.embedded.commit")
    /// So that one commit stays short and its memory bounded.
    private static let largestBatch = 512

    /// - Parameter meter: told how long each commit took, fsync included.
    init(writer: any DatabaseWriter, meter: Histogram) {
        self.meter = meter
        self.writer = writer
    }

    /// Runs `operation` in the next commit and returns its value once that is durable.
    func commit<Value: Sendable>(_ operation: @escaping Operation<Value>) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            let entry = Pending(
                run: { database in
                    let result = Result {
                        var value: Value?
                        try database.inSavepoint {
                            value = try operation(database)
                            return .commit
                        }
                        guard let value else { throw LogError.closed }
                        return value
                    }
                    let end: @Sendable ((any Error)?) -> Void = { failure in
                        if let failure {
                            continuation.resume(throwing: failure)
                        } else {
                            continuation.resume(with: result)
                        }
                    }
                    if case .failure(let error) = result { return (end, error) }
                    return (end, nil)
                },
                fail: { continuation.resume(throwing: $0) })
            pending.withLock { $0.append(entry) }
            queue.async { self.drain() }
        }
    }

    private func drain() {
        // Whatever piled up since the last commit goes together; a later drain finds the list empty and returns.
        let batch = pending.withLock { list in
            let batch = Array(list.prefix(Self.largestBatch))
            list.removeFirst(batch.count)
            return batch
        }
        guard !batch.isEmpty else { return }
        var ends: [@Sendable ((any Error)?) -> Void] = []
        var failure: (any Error)?
        let start = ContinuousClock.now
        defer { meter.observe((ContinuousClock.now - start) / .seconds(1)) }
        do {
            try writer.writeWithoutTransaction { database in
                try database.inTransaction(.immediate) {
                    for entry in batch {
                        let (end, failure) = entry.run(database)
                        ends.append(end)
                        // A full disk makes SQLite roll the whole transaction back by itself. Going on would commit the
                        // rest one by one while their callers are told that all failed.
                        guard database.isInsideTransaction else {
                            throw failure ?? LogError.unavailable("the transaction was rolled back")
                        }
                    }
                    return .commit
                }
            }
        } catch {
            failure = error
        }
        for end in ends { end(failure) }
        for entry in batch.dropFirst(ends.count) { entry.fail(failure ?? LogError.closed) }
    }
}
