internal import BackhaulDomain
internal import BackhaulLog
internal import BackhaulRecords
internal import BackhaulSQLite
internal import GRDB

/// Applies the changes from some pages of records to a view's tables, in one transaction.
///
/// Every row is read once and written once, however many changes the pages hold for it. For a task that was
/// accepted, tried and ended since the last read, that is one row instead of five statements.
struct ViewApplier {
    private struct Entry {
        let stored: ViewRow?
        var row: ViewRow?
    }

    private struct Place: Hashable {
        var tenant: ByteText
        /// nil for the tenant's sum over all its batches.
        var batch: ByteText?
        var state: TaskState
    }

    private struct Change {
        var tasks: Int64 = 0
        var bytes = WideSum()
        var unacknowledged: Int64 = 0
    }

    private let database: Database
    private var table: ViewTable
    private var entries: [TaskIdentity: Entry] = [:]

    init(_ database: Database) throws {
        self.database = database
        table = try ViewTable(database)
    }

    mutating func apply(_ news: ViewNews) throws {
        switch news {
        case .accepted(let task, let generation, let fingerprint, let position):
            try change(task.identity) {
                ViewRow.accepting(
                    task, generation: generation, fingerprint: fingerprint, position: position, after: $0)
            }
        case .outcome(let outcome, let position):
            try take(outcome, position)
        case .result(let outcome):
            guard let state = TaskState(rawValue: outcome.kind.rawValue) else { return }
            try change(outcome.task.identity) { ViewRow.ending(outcome, state, after: $0) }
        case .conflict: return
        }
    }

    private mutating func take(_ outcome: Outcome, _ position: LogPosition) throws {
        let identity = outcome.task.identity
        switch outcome.kind {
        case .acknowledged: try change(identity) { ViewRow.acknowledging(outcome, after: $0) }
        case .lost: try change(identity) { ViewRow.losing(outcome, after: $0) }
        case .started: try change(identity) { ViewRow.moving(outcome, to: .running, after: $0) }
        case .released: try change(identity) { ViewRow.moving(outcome, to: .waiting, after: $0) }
        case .retrying:
            try note(outcome, position)
            try change(identity) { ViewRow.moving(outcome, to: .retrying, after: $0) }
        case .failed, .expired: try note(outcome, position)
        case .cancelled: try change(identity) { ViewRow.reporting(outcome, isStored: false, after: $0) }
        case .succeeded: try change(identity) { ViewRow.reporting(outcome, isStored: true, after: $0) }
        }
    }

    private mutating func change(_ identity: TaskIdentity, _ body: (ViewRow?) -> ViewRow?) throws {
        if let index = entries.index(forKey: identity) {
            entries.values[index].row = body(entries.values[index].row)
            return
        }
        let stored = try table.row(of: identity)
        entries[identity] = Entry(stored: stored, row: body(stored))
    }

    /// Writes the rows and the counts. Must be the last call in the transaction.
    mutating func finish() throws {
        var changes: [Place: Change] = [:]
        for (identity, entry) in entries where entry.row != entry.stored {
            guard let row = entry.row else { continue }
            if let stored = entry.stored {
                try table.replace(row, of: identity)
                Self.count(identity.tenant, stored, -1, &changes)
            } else {
                try table.add(row, of: identity)
            }
            Self.count(identity.tenant, row, 1, &changes)
        }
        var batches = try BoundStatement(database, Self.addText(to: "counts", by: "tenant, batch, state"))
        var tenants = try BoundStatement(database, Self.addText(to: "tenants", by: "tenant, state"))
        for (place, change) in changes {
            if let batch = place.batch {
                batches.bind(place.tenant.text)
                batches.bind(batch.text)
                try Self.add(change, in: place.state, to: &batches)
            } else {
                tenants.bind(place.tenant.text)
                try Self.add(change, in: place.state, to: &tenants)
            }
        }
    }

    private static let sums = ["tasks", "bytes_high", "bytes_low", "unacknowledged"]

    private static func addText(to table: String, by key: String) -> String {
        let names = key + ", " + sums.joined(separator: ", ")
        let values = Array(repeating: "?", count: names.split(separator: ",").count).joined(separator: ", ")
        let changes = sums.map { "\($0) = \($0) + excluded.\($0)" }.joined(separator: ", ")
        return "INSERT INTO \(table)(\(names)) VALUES (\(values)) ON CONFLICT DO UPDATE SET \(changes)"
    }

    private static func add(_ change: Change, in state: TaskState, to statement: inout BoundStatement) throws {
        statement.bind(state.rawValue)
        statement.bind(change.tasks)
        statement.bind(change.bytes.high)
        statement.bind(change.bytes.low)
        statement.bind(change.unacknowledged)
        try statement.run()
    }

    private static func count(_ tenant: ByteText, _ row: ViewRow, _ sign: Int64, _ changes: inout [Place: Change]) {
        for batch in [row.batch, nil] {
            let place = Place(tenant: tenant, batch: batch, state: row.state)
            changes[place, default: Change()].tasks += sign
            changes[place, default: Change()].bytes.add(row.size, sign)
            changes[place, default: Change()].unacknowledged += row.isUnacknowledged ? sign : 0
        }
    }

    /// Stores a failed try. A successful one is in the task's row.
    private func note(_ outcome: Outcome, _ position: LogPosition) throws {
        var statement = try BoundStatement(
            database,
            """
            INSERT OR IGNORE INTO attempts(tenant, id, generation, partition, "offset", attempt, outcome, started_at,
                finished_at, failure, message, http_status, worker) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """)
        statement.bind(outcome.task.identity.tenant.text)
        statement.bind(outcome.task.identity.id.text)
        statement.bind(outcome.task.generation)
        statement.bind(position.partition.partition)
        statement.bind(position.offset)
        statement.bind(outcome.attempts)
        statement.bind(outcome.kind.rawValue)
        statement.bind(outcome.startedAt)
        statement.bind(outcome.finishedAt)
        statement.bind(outcome.failure?.kind.rawValue)
        statement.bind(outcome.failure?.message)
        statement.bind(outcome.failure?.httpStatus)
        statement.bind(outcome.worker)
        try statement.run()
    }
}
