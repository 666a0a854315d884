package import BackhaulDomain

/// Which tasks of a tenant are looked for, and where the last page ended. Every condition given must hold.
package struct TaskSearch: Hashable, Sendable {
    /// Behind a task in the order of the search: by acceptance, then by id. Stays where it is whatever comes and goes.
    package struct Cursor: Hashable, Sendable {
        /// Milliseconds since 1970.
        package var acceptedAt: Int64
        package var id: ByteText

        package init(acceptedAt: Int64, id: ByteText) {
            self.acceptedAt = acceptedAt
            self.id = id
        }
    }

    package var tenant: ByteText
    package var batch: ByteText?
    package var state: TaskState?
    package var destination: ByteText?
    /// Milliseconds since 1970; from here on.
    package var acceptedFrom: Int64?
    /// Milliseconds since 1970; before.
    package var acceptedBefore: Int64?
    package var limit: Int
    package var after: Cursor?

    package init(tenant: ByteText, limit: Int = 100) {
        self.tenant = tenant
        self.limit = limit
    }
}

/// Tasks that were found.
package struct TaskPage: Hashable, Sendable {
    package var tasks: [TaskStatus]
    /// Where to go on; nil at the end. A page may be short, even empty, and not the last: no search looks at more than a
    /// bounded number of tasks.
    package var next: TaskSearch.Cursor?
}
