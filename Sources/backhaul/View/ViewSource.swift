import Foundation

/// Where a command learns what has become of tasks.
enum ViewSource: Equatable {
    /// The API of an acknowledger that the user names.
    case api(String)
    /// An API that the log names; where it names none, a view of this machine.
    case found
    /// A view of this machine.
    case local

    /// Without `--api`: the log on this machine has its own view. `BACKHAUL_API` is for the fleet, and does not change
    /// of which log a command speaks.
    /// - Throws: `CommandError` for an address that is none.
    init(default log: LogAddress?) throws {
        guard log?.folder == nil else {
            self = .local
            return
        }
        try self.init(ProcessInfo.processInfo.environment["BACKHAUL_API"])
    }

    /// - Parameter text: the value of `--api`; nil without one.
    /// - Throws: `CommandError` for an address that is none.
    init(_ text: String?) throws {
        switch text {
        case nil: self = .found
        case "none", "": self = .local
        case let url?:
            guard url.hasPrefix("http://") || url.hasPrefix("https://") else {
                throw CommandError("--api \(url): give an http:// or https:// URL, or none", exit: .usage)
            }
            self = .api(url.hasSuffix("/") ? String(url.dropLast()) : url)
        }
    }
}
