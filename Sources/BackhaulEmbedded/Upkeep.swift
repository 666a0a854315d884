internal import BackhaulLog
internal import GRDB

/// Removes from one partition what its retention no longer keeps, in short transactions.
struct Upkeep: Sendable {
    let partition: Int64
    let retention: Retention
    /// Milliseconds since 1970.
    let now: Int64

    /// Rows removed in one transaction: a commit of another caller never waits for more.
    private static let chunk = 2_000
    /// How long a tombstone stays after its append, so that every reader of a compacted topic can see it.
    static let tombstoneAge: Int64 = 86_400_000

    /// - Parameter commit: runs an operation in a transaction of its own.
    func run(_ commit: (@escaping CommitQueue.Operation<Bool>) async throws -> Bool) async throws {
        while try await commit({ try self.step($0) }) {}
    }

    /// - Returns: whether there is more to do.
    private func step(_ database: Database) throws -> Bool {
        let bounds = try Row.fetchOne(
            database, sql: "SELECT earliest, next FROM partitions WHERE id = ?", arguments: [partition])
        guard let bounds else { return false }
        let earliest: Int64 = bounds[0]
        let next: Int64 = bounds[1]
        switch retention {
        case .untilRead(let readers, let atLeast):
            var floor = next
            for reader in readers {
                let frontier = try Int64.fetchOne(
                    database, sql: "SELECT frontier FROM positions WHERE reader = ? AND partition = ?",
                    arguments: [reader, partition])
                floor = min(floor, frontier ?? earliest)
            }
            return try truncate(from: earliest, below: floor, olderThan: now - atLeast, database)
        case .age(let age):
            return try truncate(from: earliest, below: next, olderThan: now - age, database)
        case .compact:
            return try compact(database)
        }
    }

    private func truncate(from earliest: Int64, below floor: Int64, olderThan limit: Int64, _ database: Database) throws
        -> Bool
    {
        let stop = min(floor, earliest + Int64(Self.chunk))
        guard stop > earliest else { return false }
        // Only the oldest run goes: a record that is still young holds everything behind it.
        let young = try Int64.fetchOne(
            database, sql: "SELECT id FROM records WHERE id >= ? AND id < ? AND at > ? ORDER BY id LIMIT 1",
            arguments: [Schema.rowID(partition, earliest), Schema.rowID(partition, stop), limit])
        let end = young.map(Schema.offset(ofRow:)) ?? stop
        guard end > earliest else { return false }
        try database.execute(
            sql: "DELETE FROM records WHERE id >= ? AND id < ?",
            arguments: [Schema.rowID(partition, earliest), Schema.rowID(partition, end)])
        try database.execute(sql: "UPDATE partitions SET earliest = ? WHERE id = ?", arguments: [end, partition])
        return end == stop && end < floor
    }

    private func compact(_ database: Database) throws -> Bool {
        let first = Schema.rowID(partition, 0)
        let last = Schema.rowID(partition + 1, 0)
        try database.execute(
            sql: """
                DELETE FROM records WHERE id IN (
                    SELECT r.id FROM records r JOIN (
                        SELECT key AS k, max(id) AS newest FROM records
                        WHERE id >= :first AND id < :last AND key IS NOT NULL GROUP BY key
                    ) ON r.key = k
                    WHERE r.id >= :first AND r.id < :last
                        AND (r.id < newest OR (r.value IS NULL AND r.at < :limit))
                    LIMIT :chunk)
                """,
            arguments: ["first": first, "last": last, "limit": now - Self.tombstoneAge, "chunk": Self.chunk])
        return database.changesCount >= Self.chunk
    }
}
