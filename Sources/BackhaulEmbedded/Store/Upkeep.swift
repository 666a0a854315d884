internal import BackhaulLog
internal import BackhaulSQLite
internal import BackhaulUnits
internal import GRDB

/// Deletes the records of one partition that its retention no longer keeps, in short transactions. With nothing to
/// delete it costs a few index lookups, however large the partition is.
struct Upkeep: Sendable {
    let partition: Int64
    let retention: Retention
    /// Partitions that this one's records answer.
    let answered: [Int64]
    /// The log's own time.
    let now: Timestamp

    /// The most rows deleted in one transaction, which bounds how long another commit waits.
    private static let chunk = 1_000
    /// How long a tombstone stays after its append, so that every reader of the topic can see it.
    static let tombstoneAge = Duration.seconds(86_400)

    /// - Parameter commit: runs an operation in a separate transaction.
    func run(_ commit: (@escaping CommitQueue.Operation<Bool>) async throws -> Bool) async throws {
        while try await commit({ try self.step($0) }) {}
        while try await commit({ try self.forget($0) }) {}
    }

    /// Whether `run` would change anything.
    func isDue(_ database: Database) throws -> Bool {
        try ripe(database) || !forgettable(database, limit: 1).isEmpty
    }

    // MARK: Records

    private func ripe(_ database: Database) throws -> Bool {
        switch retention {
        case .compact: return try !ripeTombstones(database, limit: 1).isEmpty
        case .untilRead, .age:
            guard let (earliest, end) = try removable(database, atMost: 1) else { return false }
            return end > earliest
        }
    }

    /// Deletes up to `chunk` records.
    /// - Returns: whether there is more to do.
    private func step(_ database: Database) throws -> Bool {
        guard retention != .compact else { return try sweep(database) }
        guard let (earliest, end) = try removable(database, atMost: Int64(Self.chunk)), end > earliest else {
            return false
        }
        var delete = try BoundStatement(database, "DELETE FROM records WHERE id >= ? AND id < ?")
        delete.bind(Schema.rowID(partition, earliest))
        delete.bind(Schema.rowID(partition, end))
        try delete.run()
        var move = try BoundStatement(database, "UPDATE partitions SET earliest = ? WHERE id = ?")
        move.bind(end)
        move.bind(partition)
        try move.run()
        return end - earliest == Int64(Self.chunk)
    }

    /// The range of the oldest records that may be deleted; it ends before the first record that is too young.
    private func removable(_ database: Database, atMost limit: Int64) throws -> (earliest: Int64, end: Int64)? {
        var bounds = try BoundStatement(database, "SELECT earliest, next FROM partitions WHERE id = ?")
        bounds.bind(partition)
        guard try bounds.next() else { return nil }
        let earliest = bounds.integer(0)
        var floor = bounds.integer(1)
        bounds.reset()
        guard Schema.offsets.contains(earliest), Schema.offsets.contains(floor) else { return nil }
        let age: Duration
        switch retention {
        case .compact: return nil
        case .age(let limit): age = limit
        case .untilRead(let readers, let limit):
            age = limit
            for reader in readers { floor = min(floor, try frontier(of: reader, database) ?? earliest) }
        }
        let stop = min(floor, earliest + limit)
        // Before 1970 plus the age, no record is old: the subtraction would stop at 1970.
        guard stop > earliest, now - .earliest >= age else { return nil }
        let oldest = (now - age).milliseconds
        var young = try BoundStatement(
            database, "SELECT id FROM records WHERE id >= ? AND id < ? AND at > ? ORDER BY id LIMIT 1")
        young.bind(Schema.rowID(partition, earliest))
        young.bind(Schema.rowID(partition, stop))
        young.bind(min(oldest, try answeredSince(database).map { $0.milliseconds - 1 } ?? oldest))
        defer { young.reset() }
        return (earliest, try young.next() ? Schema.offset(ofRow: young.integer(0)) : stop)
    }

    private func frontier(of reader: String, _ database: Database) throws -> Int64? {
        var row = try BoundStatement(database, "SELECT frontier FROM positions WHERE reader = ? AND partition = ?")
        row.bind(reader)
        row.bind(partition)
        defer { row.reset() }
        return try row.next() ? row.integer(0) : nil
    }

    /// The append time of the oldest record in the answered partitions; nil when they are empty.
    private func answeredSince(_ database: Database) throws -> Timestamp? {
        guard !answered.isEmpty else { return nil }
        var first = try BoundStatement(
            database, "SELECT at FROM records WHERE id >= ? AND id < ? ORDER BY id LIMIT 1")
        var oldest: Timestamp?
        for partition in answered {
            first.bind(Schema.rowID(partition, 0))
            first.bind(Schema.rowID(partition + 1, 0))
            if try first.next() { oldest = min(oldest ?? .latest, Timestamp(clamping: first.integer(0))) }
            first.reset()
        }
        return oldest
    }

    // MARK: Compaction

    /// Deletes old tombstones. `Store.append` already deletes superseded records.
    private func sweep(_ database: Database) throws -> Bool {
        let ripe = try ripeTombstones(database, limit: Self.chunk)
        var key = try BoundStatement(
            database,
            "DELETE FROM latest WHERE partition = ?1 AND key = (SELECT key FROM records WHERE id = ?2) AND record = ?2")
        var record = try BoundStatement(database, "DELETE FROM records WHERE id = ?")
        var mark = try BoundStatement(database, "DELETE FROM tombstones WHERE record = ?")
        for id in ripe {
            key.bind(partition)
            key.bind(id)
            try key.run()
            record.bind(id)
            try record.run()
            mark.bind(id)
            try mark.run()
        }
        return ripe.count == Self.chunk
    }

    private func ripeTombstones(_ database: Database, limit: Int) throws -> [Int64] {
        // In order of append, so the first young tombstone ends the scan.
        var rows = try BoundStatement(
            database,
            """
            SELECT t.record, r.at FROM tombstones t LEFT JOIN records r ON r.id = t.record
            WHERE t.record >= ? AND t.record < ? ORDER BY t.record LIMIT ?
            """)
        rows.bind(Schema.rowID(partition, 0))
        rows.bind(Schema.rowID(partition + 1, 0))
        rows.bind(limit)
        defer { rows.reset() }
        var ripe: [Int64] = []
        let young = (now - Self.tombstoneAge).milliseconds
        while try rows.next(), rows.integer(1) < young { ripe.append(rows.integer(0)) }
        return ripe
    }

    // MARK: Identities

    /// Deletes the identities whose latest trace was deleted from this partition, or points them to their record.
    /// - Returns: whether there is more to do.
    private func forget(_ database: Database) throws -> Bool {
        let names = try forgettable(database, limit: Self.chunk)
        var delete = try BoundStatement(database, "DELETE FROM identities WHERE name = ?")
        var keep = try BoundStatement(database, "UPDATE identities SET last = record WHERE name = ?")
        for (name, isHeld) in names {
            if isHeld {
                keep.bind(name)
                try keep.run()
            } else {
                delete.bind(name)
                try delete.run()
            }
        }
        return names.count == Self.chunk
    }

    /// The identities whose latest trace was deleted from this partition, and whether their own record still exists.
    private func forgettable(_ database: Database, limit: Int) throws -> [(name: [UInt8], isHeld: Bool)] {
        var rows = try BoundStatement(
            database,
            """
            SELECT i.name, i.record & \(1 << Schema.offsetBits - 1) >= p.earliest AND i.record <> i.last
            FROM identities i LEFT JOIN partitions p ON p.id = i.record >> \(Schema.offsetBits)
            WHERE i.last > 0 AND i.last >= ?1 AND i.last < (SELECT ?1 + earliest FROM partitions WHERE id = ?2) LIMIT ?3
            """)
        rows.bind(Schema.rowID(partition, 0))
        rows.bind(partition)
        rows.bind(limit)
        defer { rows.reset() }
        var names: [(name: [UInt8], isHeld: Bool)] = []
        while try rows.next() { names.append((rows.bytes(0) ?? [], rows.integer(1) != 0)) }
        return names
    }
}
