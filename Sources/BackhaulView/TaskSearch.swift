package import BackhaulDomain
package import BackhaulUnits

/// The conditions of a search among a tenant's tasks, and the end of the previous page. All given conditions must
/// hold.
package struct TaskSearch: Hashable, Sendable {
    /// The position after a task in the order of the search: by acceptance, then by id. Stays valid while tasks
    /// come and go.
    package struct Cursor: Hashable, Sendable {
        package var acceptedAt: Timestamp
        package var id: ByteText

        package init(acceptedAt: Timestamp, id: ByteText) {
            self.acceptedAt = acceptedAt
            self.id = id
        }
    }

    package var tenant: ByteText
    package var batch: ByteText?
    package var state: TaskState?
    /// Only tasks that have not ended.
    package var isOpen = false
    package var destination: ByteText?
    /// The class of the last failure.
    package var failure: String?
    /// The task's id, key or path below its root.
    package var name: ByteText?
    /// Inclusive.
    package var acceptedFrom: Timestamp?
    /// Exclusive.
    package var acceptedBefore: Timestamp?
    package var limit: Int
    package var after: Cursor?

    package init(tenant: ByteText, limit: Int = 100) {
        self.tenant = tenant
        self.limit = limit
    }
}

/// One page of the tasks found.
package struct TaskPage: Hashable, Sendable {
    package var tasks: [TaskStatus]
    /// Where the next page begins; nil at the end. A page that is short or empty may not be the last, since a
    /// search examines a bounded number of tasks.
    package var next: TaskSearch.Cursor?

    package init(tasks: [TaskStatus], next: TaskSearch.Cursor?) {
        self.tasks = tasks
        self.next = next
    }
}
