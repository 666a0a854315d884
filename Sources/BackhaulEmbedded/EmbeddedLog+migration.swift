internal import BackhaulLog
internal import BackhaulSQLite
internal import BackhaulUnits
internal import Foundation
internal import GRDB

/// The move of the log to a cluster. From its beginning the store takes no record from any process, so that what is
/// copied is all that there is.
extension EmbeddedLog {
    /// The log's move; nil for a log that stays.
    package var migration: LogMigration? {
        get async throws { try await read { try Self.migration($0) } }
    }

    /// Records that the log moves, and closes it to new records. A move that has begun goes on.
    /// - Throws: `LogError.migrated` when it moves to another cluster or prefix.
    package func beginMigration(to cluster: String, prefix: String) async throws -> LogMigration {
        let (folder, now) = (folder, clock.wall)
        return try await commit { database in
            if let begun = try Self.migration(database) {
                guard begun.cluster == cluster, begun.prefix == prefix else {
                    throw LogError.migrated(folder: folder, to: begun.text)
                }
                return begun
            }
            let migration = LogMigration(
                id: UUID().uuidString.lowercased(), cluster: cluster, prefix: prefix, startedAt: now, finishedAt: nil)
            try Schema.beginMigration(database)
            try database.execute(
                sql: "INSERT INTO migration(id, cluster, prefix, started) VALUES (?, ?, ?, ?)",
                arguments: [migration.id, cluster, prefix, now.milliseconds])
            return migration
        }
    }

    /// Records that everything is in the cluster.
    package func finishMigration() async throws {
        let now = clock.wall
        try await commit { database in
            try database.execute(
                sql: "UPDATE migration SET finished = ? WHERE finished IS NULL", arguments: [now.milliseconds])
        }
    }

    /// Opens the log to records again. The caller must know that nothing of it is in the cluster.
    package func withdrawMigration() async throws {
        try await commit { try Schema.withdrawMigration($0) }
    }

    /// What the accepted tasks were, where the log still knows it (`TaskFingerprint`); nil where it does not.
    package func fingerprints(of names: [[UInt8]]) async throws -> [[UInt8]?] {
        try await read { database in
            var known = try BoundStatement(database, "SELECT fingerprint FROM identities WHERE name = ?")
            return try names.map { name in
                known.bind(name)
                defer { known.reset() }
                return try known.next() ? known.bytes(0) : nil
            }
        }
    }

    /// - Throws: `LogError.migrated` for a log that moves, whose roles must not run any more.
    static func requireStaying(_ store: Store) throws {
        do {
            guard let migration = try store.pool.read({ try migration($0) }) else { return }
            throw LogError.migrated(folder: store.folder, to: migration.text)
        } catch {
            throw Store.translate(error, folder: store.folder)
        }
    }

    private static func migration(_ database: Database) throws -> LogMigration? {
        guard try Schema.format(of: database).isMoving else { return nil }
        var row = try BoundStatement(database, "SELECT id, cluster, prefix, started, finished FROM migration")
        guard try row.next() else { return nil }
        defer { row.reset() }
        return LogMigration(
            id: row.text(0) ?? "", cluster: row.text(1) ?? "", prefix: row.text(2) ?? "",
            startedAt: Timestamp(clamping: row.integer(3)),
            finishedAt: row.optionalInteger(4).map { Timestamp(clamping: $0) })
    }
}
