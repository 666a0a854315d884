internal import BackhaulDomain
internal import BackhaulSQLite

/// One thing that an audit names. Tasks are named as `tenant/taskId/generation`.
package struct AuditFinding: Hashable, Sendable {
    package enum Kind: Int64, Hashable, Sendable, CaseIterable {
        /// An accepted task with neither a result nor a stage where it is in progress: lost.
        case missing
        /// A task with more than one result.
        case duplicated
        /// A task id that was accepted with two contents: at most one of them has a result.
        case conflicting
        /// A failed task without a dead letter: it can neither be looked into nor replayed.
        case withoutLetter
        /// Records of a partition that were removed before their reader had read them.
        case lostUnread
        /// An object that its destination does not have.
        case gone
        /// An object that differs from the newest result for its key.
        case corrupted
        /// A key that holds an older accepted content than the newest.
        case stale
        /// A stored file whose object another file has replaced.
        case overwritten
        /// An object whose destination did not answer, or not with the object.
        case unreachable
        /// A task without a result yet.
        case unfinished
    }

    package var kind: Kind
    /// Empty for `lostUnread`.
    package var task = ""
    /// The stage of an unfinished task; the partition of records that were removed unread.
    package var place = ""
    package var destination = ""
    package var key = ""
    /// The SHA-256 that was expected.
    package var expected = ""
    /// The SHA-256 that was found, or why nothing was.
    package var found = ""
    /// How many records were removed unread, at least; 1 for everything else.
    package var records: Int64 = 1

    init(_ kind: Kind, task: String = "", place: String = "", records: Int64 = 1) {
        self.kind = kind
        self.task = task
        self.place = place
        self.records = records
    }

    init(
        _ kind: Kind, task: TaskGeneration, at place: ObjectPlace, expected: String, found: String
    ) {
        self.init(kind, task: task.description)
        destination = place.destination.text
        key = place.key.text
        self.expected = expected
        self.found = found
    }

    /// Reads a row of the findings, in the order of `columns`.
    init(_ kind: Kind, _ row: BoundStatement) {
        self.init(kind, task: row.text(0) ?? "", place: row.text(1) ?? "", records: row.integer(6))
        destination = row.text(2) ?? ""
        key = row.text(3) ?? ""
        expected = row.text(4) ?? ""
        found = row.text(5) ?? ""
    }

    static let columns = "task, place, destination, key, expected, found, records"

    func bind(to statement: inout BoundStatement) {
        for text in [task, place, destination, key, expected, found] { statement.bind(text) }
        statement.bind(records)
    }
}
