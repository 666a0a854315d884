import BackhaulUnits
import Dispatch
import Foundation
import Logging

/// Ends the process when an orderly stop takes too long.
///
/// It uses its own queue and `_exit`, because a task or an exit handler might need the very threads that hang.
enum Watchdog {
    /// - Parameter limit: from now on.
    static func start(_ limit: Duration, logger: Logger) {
        DispatchQueue(label: "backhaul.watchdog", qos: .userInitiated).asyncAfter(
            deadline: .now() + limit.inSeconds
        ) {
            logger.critical(
                "not stopped in time; ending now: the next owner repeats what was not settled",
                metadata: ["shutdown.maximum_ms": "\(limit.inMilliseconds)"])
            _exit(ProcessExit.failed.rawValue)
        }
    }
}
