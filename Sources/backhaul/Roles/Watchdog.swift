import Dispatch
import Foundation
import Logging

/// Ends the process when an orderly stop takes too long.
///
/// It uses its own queue and `_exit`, because a task or an exit handler might need the very threads that hang.
enum Watchdog {
    /// - Parameter milliseconds: from now on.
    static func start(_ milliseconds: Int64, logger: Logger) {
        DispatchQueue(label: "backhaul.watchdog", qos: .userInitiated).asyncAfter(
            deadline: .now() + .milliseconds(Int(clamping: milliseconds))
        ) {
            logger.critical(
                "not stopped in time; ending now: the next owner repeats what was not settled",
                metadata: ["shutdown.maximum_ms": "\(milliseconds)"])
            _exit(ProcessExit.failed.rawValue)
        }
    }
}
