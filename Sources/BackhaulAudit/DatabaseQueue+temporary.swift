internal import BackhaulSQLite
internal import GRDB

/// Temporary databases on the disk, so that memory does not grow with the tasks that an audit reads.
extension DatabaseQueue {
    /// SQLite removes the file when it opens it (`TMPDIR`, or /var/tmp), so that nothing is left however the process
    /// ends. There is nothing to recover, and so no journal.
    /// - Throws: `DatabaseError` when the folder for temporary files cannot be written.
    static func temporary(_ schema: String) throws -> DatabaseQueue {
        let queue = try DatabaseQueue(path: "")
        try queue.inDatabase { database in
            try database.execute(
                sql: """
                    PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA temp_store = FILE;
                    PRAGMA cache_size = -16384;
                    \(schema)
                    """)
        }
        return queue
    }

    /// The number that a query without parameters returns.
    func number(_ sql: String) throws -> Int {
        try read { database in
            var rows = try BoundStatement(database, sql)
            defer { rows.reset() }
            return try rows.next() ? Int(clamping: rows.integer(0)) : 0
        }
    }
}
