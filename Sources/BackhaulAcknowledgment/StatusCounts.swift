/// How many tasks are in which state, each at its latest generation.
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

    /// Those whose latest generation has its result.
    package var ended: Int { succeeded + failed + cancelled + expired }

    mutating func add(_ count: Int, state: String) {
        switch TaskState(rawValue: state) {
        case .waiting: waiting += count
        case .running: running += count
        case .retrying: retrying += count
        case .succeeded: succeeded += count
        case .failed: failed += count
        case .cancelled: cancelled += count
        case .expired, nil: expired += count
        }
        accepted += count
    }
}
