internal import BackhaulDomain
internal import BackhaulLog
internal import BackhaulWire
internal import GRDB

/// Writes the news of some pages into a view's tables, in the transaction of the pages.
///
/// Every row is read once and written once, whatever number of news the pages hold of it: of a task that was accepted, tried
/// and ended since the last look that is one row in place of five statements.
struct ViewApplier {
    private struct Entry {
        let stored: ViewRow?
        var row: ViewRow?
    }

    private struct Place: Hashable {
        var tenant: String
        var batch: String
        var state: TaskState
    }

    private struct Change {
        var tasks = 0
        var bytes: Int64 = 0
        var unacknowledged = 0
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
        }
    }

    private mutating func take(_ outcome: Outcome, _ position: LogPosition) throws {
        let identity = outcome.task.identity
        switch outcome.kind {
        case .acknowledged: try change(identity) { ViewRow.acknowledging(outcome, after: $0) }
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

    /// Writes the rows and the counts; the last thing in the transaction.
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
        let statement = try database.cachedStatement(
            sql: """
                INSERT INTO counts(tenant, batch, state, tasks, bytes, unacknowledged) VALUES (?, ?, ?, ?, ?, ?)
                ON CONFLICT DO UPDATE SET tasks = tasks + excluded.tasks, bytes = bytes + excluded.bytes,
                    unacknowledged = unacknowledged + excluded.unacknowledged
                """)
        for (place, change) in changes {
            try statement.execute(arguments: [
                place.tenant, place.batch, place.state.rawValue, change.tasks, change.bytes, change.unacknowledged,
            ])
        }
    }

    private static func count(_ tenant: String, _ row: ViewRow, _ sign: Int, _ changes: inout [Place: Change]) {
        let place = Place(tenant: tenant, batch: row.batch, state: row.state)
        changes[place, default: Change()].tasks += sign
        changes[place, default: Change()].bytes += Int64(sign) * row.bytes
        changes[place, default: Change()].unacknowledged += row.isUnacknowledged ? sign : 0
    }

    /// One try that failed; a success is told by the task's row.
    private func note(_ outcome: Outcome, _ position: LogPosition) throws {
        try database.cachedStatement(
            sql: """
                INSERT OR IGNORE INTO attempts(tenant, id, generation, partition, "offset", attempt, outcome, started_at,
                    finished_at, failure, message, http_status, worker) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """
        ).execute(arguments: [
            outcome.task.identity.tenant, outcome.task.identity.id, outcome.task.generation,
            position.partition.partition, position.offset, outcome.attempts, outcome.kind.rawValue, outcome.startedAt,
            outcome.finishedAt, outcome.failure?.kind.rawValue, outcome.failure?.message, outcome.failure?.httpStatus,
            outcome.worker,
        ])
    }
}
