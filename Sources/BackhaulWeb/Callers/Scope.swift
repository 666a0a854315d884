/// What a caller may do.
package enum Scope: String, Hashable, Sendable, CaseIterable {
    /// Submit tasks.
    case submit
    /// Read tasks, batches and events.
    case read
    /// Cancel, retry and acknowledge.
    case operate
}
