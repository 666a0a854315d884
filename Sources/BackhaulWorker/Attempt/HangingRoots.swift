internal import BackhaulDomain
internal import Synchronization

/// Opens that hang, by source root. Each keeps a thread until the kernel answers.
final class HangingRoots: Sendable {
    private let counts = Mutex<[ByteText: Int]>([:])

    /// Further opens of a root with so many that hang would only use up threads.
    private static let most = 4

    func isFull(_ root: ByteText) -> Bool { counts.withLock { $0[root, default: 0] >= Self.most } }

    func enter(_ root: ByteText) { counts.withLock { $0[root, default: 0] += 1 } }

    func leave(_ root: ByteText) {
        counts.withLock { counts in
            let count = counts[root, default: 0] - 1
            counts[root] = count > 0 ? count : nil
        }
    }
}
