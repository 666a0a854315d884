import BackhaulTestKit
import Synchronization

/// Seeded numbers that a machine's rules draw from.
final class SharedNumbers: Sendable {
    private let numbers: Mutex<SeededNumbers>

    init(seed: UInt64) { numbers = Mutex(SeededNumbers(seed: seed)) }

    func next() -> Double { numbers.withLock { Double.random(in: 0..<1, using: &$0) } }
}
