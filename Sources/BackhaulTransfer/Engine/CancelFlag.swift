internal import Synchronization

/// Tells blocking work on another thread that its result is no longer needed.
final class CancelFlag: Sendable {
    private let flag = Atomic<Bool>(false)
    private let steps = Atomic<UInt64>(0)

    var isSet: Bool { flag.load(ordering: .relaxed) }

    /// How often the work has asked.
    var pulse: UInt64 { steps.load(ordering: .relaxed) }

    func set() { flag.store(true, ordering: .relaxed) }

    /// - Throws: `CancellationError` once `set` was called.
    func check() throws {
        steps.add(1, ordering: .relaxed)
        if isSet { throw CancellationError() }
    }
}
