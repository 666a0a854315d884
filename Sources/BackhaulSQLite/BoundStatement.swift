package import GRDB
internal import GRDBSQLite

/// A prepared statement that binds and reads values one by one, directly as Swift types.
///
/// GRDB prepares and caches it, and owns its connection. GRDB's own arguments cost two boxes and a copy per value,
/// which for a record's row is more than the row's insertion. Use it inside a GRDB transaction, on the connection's
/// queue only, and to its end: `run`, or `next` until false, or `reset`.
package struct BoundStatement {
    private let statement: Statement
    private let raw: OpaquePointer
    private var bound: Int32 = 0
    /// The first failure of a `bind` since the last run.
    private var bindCode = SQLITE_OK

    /// SQLite copies the value before `bind` returns.
    private static let transient = unsafeBitCast(-1, to: sqlite3_destructor_type.self)

    /// - Throws: `DatabaseError` when SQLite cannot prepare the text.
    package init(_ database: Database, _ sql: String) throws {
        statement = try database.cachedStatement(sql: sql)
        raw = statement.sqliteStatement
        sqlite3_reset(raw)
    }

    // MARK: Parameters, in order

    package mutating func bind(_ value: Int64?) {
        guard let value else { return bindNull() }
        bound += 1
        note(sqlite3_bind_int64(raw, bound, value))
    }

    package mutating func bind(_ value: Int?) { bind(value.map { Int64($0) }) }

    package mutating func bind(_ value: Bool?) { bind(value.map { $0 ? 1 : 0 } as Int64?) }

    package mutating func bind(_ value: String?) {
        guard var value else { return bindNull() }
        bound += 1
        note(
            value.withUTF8 { utf8 in
                // An empty buffer may have no address, which would bind NULL.
                guard let start = utf8.baseAddress else { return sqlite3_bind_text(raw, bound, "", 0, Self.transient) }
                return start.withMemoryRebound(to: CChar.self, capacity: utf8.count) {
                    sqlite3_bind_text(raw, bound, $0, Int32(clamping: utf8.count), Self.transient)
                }
            })
    }

    package mutating func bind(_ value: [UInt8]?) {
        guard let value else { return bindNull() }
        bound += 1
        note(
            value.withUnsafeBytes { bytes in
                guard let start = bytes.baseAddress else { return sqlite3_bind_zeroblob(raw, bound, 0) }
                return sqlite3_bind_blob64(raw, bound, start, UInt64(bytes.count), Self.transient)
            })
    }

    private mutating func bindNull() {
        bound += 1
        note(sqlite3_bind_null(raw, bound))
    }

    /// A value that SQLite rejects would be stored as NULL: the statement fails instead.
    private mutating func note(_ code: Int32) {
        if bindCode == SQLITE_OK { bindCode = code }
    }

    // MARK: Running

    /// Runs a statement without rows, and resets it for the next use.
    /// - Throws: `DatabaseError`.
    package mutating func run() throws {
        while try next() {}
    }

    /// - Returns: whether a row was read; after the last one the statement can be bound again.
    /// - Throws: `DatabaseError`; `CancellationError` when the calling task was cancelled, for which GRDB
    ///   interrupts the connection.
    package mutating func next() throws -> Bool {
        let code = bindCode == SQLITE_OK ? sqlite3_step(raw) : bindCode
        if code == SQLITE_ROW { return true }
        let message = code == SQLITE_DONE ? nil : sqlite3_errmsg(sqlite3_db_handle(raw)).map { String(cString: $0) }
        reset()
        if code & 0xff == SQLITE_INTERRUPT { throw CancellationError() }
        guard code == SQLITE_DONE else {
            throw DatabaseError(resultCode: .init(rawValue: code), message: message, sql: statement.sql)
        }
        return false
    }

    /// Ends reading before the last row.
    package mutating func reset() {
        sqlite3_reset(raw)
        bound = 0
        bindCode = SQLITE_OK
    }

    // MARK: Columns of the row, from 0

    package func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(raw, column) }

    package func isNull(_ column: Int32) -> Bool { sqlite3_column_type(raw, column) == SQLITE_NULL }

    package func optionalInteger(_ column: Int32) -> Int64? { isNull(column) ? nil : integer(column) }

    /// nil for NULL.
    package func bytes(_ column: Int32) -> [UInt8]? {
        guard !isNull(column) else { return nil }
        // The pointer first: reading it may convert the value, and with it its length.
        let start = sqlite3_column_blob(raw, column)
        return [UInt8](UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(raw, column))))
    }

    /// nil for NULL.
    package func text(_ column: Int32) -> String? {
        guard let start = sqlite3_column_text(raw, column) else { return nil }
        let count = Int(sqlite3_column_bytes(raw, column))
        return String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
    }
}
