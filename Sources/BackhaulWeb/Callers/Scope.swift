/// What a caller may do.
package enum Scope: String, Hashable, Sendable, CaseIterable {
    /// Hand in tasks.
    case submit
    /// See tasks, batches and events.
    case read
    /// Cancel, retry and acknowledge.
    case operate
}
