internal import BackhaulLog
internal import GRDB

/// The tables of an embedded log, as steps from one format to the next. `user_version` says which were taken.
enum Schema {
    /// The format that this program writes.
    static var current: Int { steps.count }

    /// One step a format; a released step never changes.
    private static let steps: [String] = [
        // 1: topics, records and positions. A record's rowid is its partition's id and its offset in one number, so
        // that a partition is one ascending run of the table and needs no index.
        """
        CREATE TABLE topics(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, partitions INTEGER NOT NULL,
            retention TEXT NOT NULL);
        CREATE TABLE partitions(id INTEGER PRIMARY KEY, topic INTEGER NOT NULL REFERENCES topics(id),
            number INTEGER NOT NULL, earliest INTEGER NOT NULL, next INTEGER NOT NULL, UNIQUE(topic, number));
        CREATE TABLE records(id INTEGER PRIMARY KEY, at INTEGER NOT NULL, key BLOB, value BLOB, headers BLOB NOT NULL,
            crc INTEGER NOT NULL);
        CREATE TABLE positions(reader TEXT NOT NULL, partition INTEGER NOT NULL, frontier INTEGER NOT NULL,
            map TEXT NOT NULL, PRIMARY KEY(reader, partition)) WITHOUT ROWID;
        """,
        // 2: identities, by which a repeated submission is refused.
        """
        CREATE TABLE identities(name BLOB PRIMARY KEY, fingerprint BLOB NOT NULL, record INTEGER NOT NULL) WITHOUT ROWID;
        """,
    ]

    /// Offsets take the lower 40 bits of a rowid: 10¹² records a partition, 8 million partitions.
    static let offsetBits: Int64 = 40

    static func rowID(_ partition: Int64, _ offset: Int64) -> Int64 { partition << offsetBits | offset }
    static func offset(ofRow id: Int64) -> Int64 { id & (1 << offsetBits - 1) }

    /// Brings the store up to `target`, in one transaction.
    /// - Throws: `LogError.newerFormat` when the store is ahead of this program.
    static func migrate(_ writer: any DatabaseWriter, folder: String, to target: Int = current) throws {
        try writer.writeWithoutTransaction { database in
            try database.inTransaction(.immediate) {
                let found = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
                guard found <= current else {
                    throw LogError.newerFormat(found: found, supported: current, folder: folder)
                }
                guard found < target else { return .commit }
                for step in steps[found..<target] { try database.execute(sql: step) }
                try database.execute(sql: "PRAGMA user_version = \(target)")
                return .commit
            }
        }
    }
}
