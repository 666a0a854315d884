/// The lanes of a worker.
package enum LaneKind: String, Hashable, Sendable {
    /// `tasks` and the retry topics.
    case small
    /// `tasks.large`.
    case large
}
