/// The state of a task at its latest generation.
package enum TaskState: String, Hashable, Sendable, Codable, CaseIterable {
    case waiting
    case running
    case retrying
    case succeeded
    case failed
    case cancelled
    case expired

    /// Whether the generation has its result.
    package var isTerminal: Bool {
        switch self {
        case .waiting, .running, .retrying: false
        case .succeeded, .failed, .cancelled, .expired: true
        }
    }
}
