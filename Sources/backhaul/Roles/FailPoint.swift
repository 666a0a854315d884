import Foundation
import Synchronization

/// A point at which a test ends or stops this process: `BACKHAUL_TEST_FAIL_POINT=NAME:kill|stop:COUNT`.
///
/// The process gets the signal only when it passes the point for the COUNT-th time (from 1). The points of a settlement
/// are `begun`, `appended` (after each record), `moved` (after each group's position) and `committed`. Those of an
/// acknowledger are `assigned` and `folded` (before and after it reads the results of a partition), `taken` (it has
/// received outcomes) and `recorded` (they are settled).
final class FailPoint: Sendable {
    private static let names: Set = [
        "begun", "appended", "moved", "committed", "assigned", "folded", "taken", "recorded",
    ]

    private let name: String
    private let signal: Int32
    private let left: Mutex<Int>

    /// Returns nil when the environment sets none.
    /// - Throws: `CommandError` when its value is not valid.
    init?(_ environment: [String: String]) throws {
        guard let text = environment["BACKHAUL_TEST_FAIL_POINT"], !text.isEmpty else { return nil }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        let signals = ["kill": SIGKILL, "stop": SIGSTOP]
        guard parts.count == 3, Self.names.contains(parts[0]),
            let signal = signals[parts[1]], let count = Int(parts[2]), count > 0
        else {
            throw CommandError("BACKHAUL_TEST_FAIL_POINT=\(text) is not NAME:kill|stop:COUNT", exit: .usage)
        }
        name = parts[0]
        self.signal = signal
        left = Mutex(count)
    }

    func pass(_ point: String) {
        guard point == name else { return }
        let isMet = left.withLock { left in
            left -= 1
            return left == 0
        }
        if isMet { kill(getpid(), signal) }
    }
}
