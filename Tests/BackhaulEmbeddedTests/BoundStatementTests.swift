import BackhaulSQLite
import GRDB
import Testing

@Suite("Bound statements")
struct BoundStatementTests {
    private func withTable<Value>(_ body: (Database) throws -> Value) throws -> Value {
        try DatabaseQueue().write { database in
            try database.execute(sql: "CREATE TABLE t(i INTEGER UNIQUE, b BLOB, s TEXT)")
            return try body(database)
        }
    }

    /// NULL, empty and NUL bytes stay distinct.
    @Test func boundValuesRoundTrip() throws {
        let rows: [(Int64?, [UInt8]?, String?)] = [
            (nil, nil, nil), (0, [], ""), (.max, [0, 255], "ä\u{0}b"), (.min, Array(repeating: 7, count: 70_000), "x"),
        ]
        try withTable { database in
            var insert = try BoundStatement(database, "INSERT INTO t VALUES (?, ?, ?)")
            for row in rows {
                insert.bind(row.0)
                insert.bind(row.1)
                insert.bind(row.2)
                try insert.run()
            }
            var select = try BoundStatement(database, "SELECT i, b, s FROM t ORDER BY rowid")
            for row in rows {
                #expect(try select.next())
                #expect(select.optionalInteger(0) == row.0)
                #expect(select.bytes(1) == row.1)
                #expect(select.text(2) == row.2)
            }
            #expect(try !select.next())
            // The statement is ready to run again.
            #expect(try select.next())
            select.reset()
        }
    }

    /// GRDB interrupts the connection of a cancelled task: that is a cancellation, not a failure of the store.
    @Test func interruptThrowsCancellationError() throws {
        let queue = try DatabaseQueue()
        try queue.write { database in
            database.add(
                function: DatabaseFunction("stop", argumentCount: 0) { _ in
                    queue.interrupt()
                    return 1
                })
            var select = try BoundStatement(
                database,
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + stop() FROM n LIMIT 100000) SELECT i FROM n")
            #expect(throws: CancellationError.self) { try select.run() }
        }
    }

    @Test func statementIsReusableAfterConstraintError() throws {
        try withTable { database in
            var insert = try BoundStatement(database, "INSERT INTO t(i) VALUES (?)")
            insert.bind(1)
            try insert.run()
            insert.bind(1)
            let error = #expect(throws: DatabaseError.self) { try insert.run() }
            #expect(error?.resultCode == .SQLITE_CONSTRAINT)
            insert.bind(2)
            try insert.run()
            #expect(try Int.fetchOne(database, sql: "SELECT count(*) FROM t") == 2)
        }
    }
}
