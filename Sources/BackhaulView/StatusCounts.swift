internal import BackhaulDomain
internal import BackhaulUnits

/// The number of tasks by state, each counted at its latest generation.
package struct StatusCounts: Hashable, Sendable, Codable {
    package var accepted = 0
    package var waiting = 0
    package var running = 0
    package var retrying = 0
    package var succeeded = 0
    package var failed = 0
    package var cancelled = 0
    package var expired = 0

    package init() {}

    /// The number of tasks whose latest generation has its result.
    package var ended: Int {
        succeeded.addingClamped(failed).addingClamped(cancelled).addingClamped(expired)
    }

    mutating func add(_ count: Int, state: String) {
        switch TaskState(rawValue: state) {
        case .waiting: waiting = waiting.addingClamped(count)
        case .running: running = running.addingClamped(count)
        case .retrying: retrying = retrying.addingClamped(count)
        case .succeeded: succeeded = succeeded.addingClamped(count)
        case .failed: failed = failed.addingClamped(count)
        case .cancelled: cancelled = cancelled.addingClamped(count)
        case .expired, nil: expired = expired.addingClamped(count)
        }
        accepted = accepted.addingClamped(count)
    }
}
