import Dispatch
import Foundation
import Logging

/// Ends the process when it has not stopped in order after so long.
///
/// On a queue of its own and by `_exit`: what hangs may be the very threads that a task or an exit handler would need.
enum Watchdog {
    /// - Parameter milliseconds: from now on.
    static func start(_ milliseconds: Int64, logger: Logger) {
        DispatchQueue(label: "backhaul.watchdog", qos: .userInitiated).asyncAfter(
            deadline: .now() + .milliseconds(Int(clamping: milliseconds))
        ) {
            logger.critical(
                "not stopped in time; ending now: what was not settled is done again by the next owner",
                metadata: ["shutdown.maximum_ms": "\(milliseconds)"])
            _exit(ProcessExit.failed.rawValue)
        }
    }
}
