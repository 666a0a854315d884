import BackhaulEmbedded
import BackhaulLog
import BackhaulTestKit
import Synchronization

/// A writer that fails before a batch, after it as if the answer were lost, or for good as a killed process does.
final class FaultyWriter: ExclusiveWriter {
    struct Killed: Error {}

    private let log: EmbeddedLog
    private let numbers: Mutex<SeededNumbers>
    private let begun = Mutex(false)
    let isKilled: Bool

    /// - Parameter isKilled: whether some of its failures end the process.
    init(_ log: EmbeddedLog, seed: UInt64, isKilled: Bool) {
        self.log = log
        self.isKilled = isKilled
        numbers = Mutex(SeededNumbers(seed: seed))
    }

    func begin() async throws { begun.withLock { $0 = true } }

    func append(_ requests: [AppendRequest]) async throws {
        guard begun.withLock(\.self) else { throw LogError.unsupported("append before begin") }
        let fault = numbers.withLock { Int.random(in: 0..<6, using: &$0) }
        if fault == 0 { try fail() }
        _ = try await log.append(requests)
        if fault == 1 { try fail() }
    }

    private func fail() throws {
        begun.withLock { $0 = false }
        if isKilled, numbers.withLock({ Bool.random(using: &$0) }) { throw Killed() }
        throw LogError.unavailable("a test's fault")
    }

    func close() async {}
}
