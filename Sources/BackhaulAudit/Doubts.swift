internal import BackhaulDomain
internal import BackhaulSQLite
internal import GRDB

/// The places where something seemed wrong at a first look, in a temporary database: all of them, when a destination is
/// empty.
final class Doubts: Sendable {
    struct Doubt {
        /// Its place in the order of the doubts.
        var number: Int64
        var place: ObjectPlace
        /// What the first look found; nil unless the destination did not answer.
        var unreachable: AuditFinding?
    }

    private let queue: DatabaseQueue

    init() throws {
        queue = try .temporary(
            """
            CREATE TABLE doubts (
                number INTEGER PRIMARY KEY, object BLOB NOT NULL UNIQUE, isUnreachable INTEGER NOT NULL,
                \(AuditFinding.columns));
            """)
    }

    func add(_ place: ObjectPlace, unreachable: AuditFinding?) throws {
        try queue.write { database in
            var insert = try BoundStatement(
                database,
                """
                INSERT OR IGNORE INTO doubts (object, isUnreachable, \(AuditFinding.columns))
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                """)
            insert.bind(place.bytes)
            insert.bind(unreachable != nil)
            (unreachable ?? AuditFinding(.unreachable)).bind(to: &insert)
            try insert.run()
        }
    }

    func count() throws -> Int { try queue.number("SELECT count(*) FROM doubts") }

    func contains(_ place: ObjectPlace) throws -> Bool {
        try queue.read { database in
            var rows = try BoundStatement(database, "SELECT 1 FROM doubts WHERE object = ?")
            rows.bind(place.bytes)
            defer { rows.reset() }
            return try rows.next()
        }
    }

    func read(after: Int64, limit: Int) throws -> [Doubt] {
        try queue.read { database in
            var rows = try BoundStatement(
                database,
                """
                SELECT \(AuditFinding.columns), number, object, isUnreachable FROM doubts
                WHERE number > ? ORDER BY number LIMIT ?
                """)
            rows.bind(after)
            rows.bind(limit)
            defer { rows.reset() }
            var doubts: [Doubt] = []
            while try rows.next() {
                doubts.append(
                    Doubt(
                        number: rows.integer(7), place: ObjectPlace(rows.bytes(8) ?? []),
                        unreachable: rows.integer(9) == 1 ? AuditFinding(.unreachable, rows) : nil))
            }
            return doubts
        }
    }
}
