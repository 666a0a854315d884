internal import BackhaulLog
internal import BackhaulTelemetry
internal import Dispatch
internal import GRDB
internal import Synchronization

/// Group commit: operations that arrive during a commit run together in the next one, so that they share one fsync.
/// Each operation runs in its own savepoint: one that fails does not affect the others.
final class CommitQueue: Sendable {
    /// Runs inside the transaction. It must change nothing outside, since the transaction may still fail.
    typealias Operation<Value> = @Sendable (Database) throws -> Value

    private struct Pending: Sendable {
        /// Runs the operation. Returns its error, and the completion to call after the transaction, with its error.
        let run: @Sendable (Database) -> (end: @Sendable ((any Error)?) -> Void, failure: (any Error)?)
        /// Fails the operation when its transaction ended before it ran.
        let fail: @Sendable (any Error) -> Void
    }

    private let writer: any DatabaseWriter
    private let meter: Histogram
    private let pending = Mutex<[Pending]>([])
    private let queue = DispatchQueue(label: "backhaul.embedded.commit")
    /// Limits the duration and the memory of one commit.
    private static let largestBatch = 512

    /// - Parameter meter: observes the duration of each commit, fsync included.
    init(writer: any DatabaseWriter, meter: Histogram) {
        self.meter = meter
        self.writer = writer
    }

    /// Runs `operation` in the next commit and returns its value when the commit is durable.
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
        // Takes all operations since the last commit; a later drain finds the list empty and returns.
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
                        // On a full disk SQLite rolls back the whole transaction itself. Without this check the other
                        // operations would commit one by one although all callers get an error.
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
