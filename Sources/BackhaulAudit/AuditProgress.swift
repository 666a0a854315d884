/// How far an audit has come.
package struct AuditProgress: Hashable, Sendable {
    package enum Stage: Hashable, Sendable {
        /// Reading the topics; counts records.
        case records
        /// Reading objects back; counts objects.
        case objects
    }

    package var stage: Stage
    package var done: Int64
    /// What is to be done; on a live log it may grow.
    package var total: Int64
}
