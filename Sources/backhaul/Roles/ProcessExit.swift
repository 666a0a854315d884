import BackhaulLog
import BackhaulSQLite
import BackhaulSettings
import Foundation

/// The documented exit codes. Throwing one ends the command without a message.
enum ProcessExit: Int32, Error {
    case done = 0
    /// The command failed, or some of its tasks did.
    case failed = 1
    case usage = 2
    case auditFoundLoss = 3
    /// The same command may succeed later (EX_TEMPFAIL).
    case temporary = 75

    /// The code of an error that ends a command.
    init(of error: any Error) {
        switch error {
        case is SettingsError: self = .usage
        case let failure as CommandError: self = failure.exit
        case let failure as DatabaseFailure: self = failure.isFull ? .temporary : .failed
        case let failure as LogError:
            switch failure {
            case .outOfSpace, .unavailable: self = .temporary
            case .topicMismatch, .misconfigured, .unsupported: self = .usage
            default: self = .failed
            }
        default: self = .failed
        }
    }

    /// Ends the process with this code. Not by `exit`: a client that waits for a dead broker may still run, and the
    /// exit handler of OpenSSL would free what it uses.
    func end() -> Never {
        Output.flush()
        fflush(nil)
        _exit(rawValue)
    }
}

/// An error with a message for the user.
struct CommandError: Error, CustomStringConvertible {
    var description: String
    var exit: ProcessExit

    init(_ description: String, exit: ProcessExit = .failed) {
        self.description = description
        self.exit = exit
    }
}
