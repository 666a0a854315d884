internal import BackhaulLog
internal import GRDB

/// The tables of an embedded log, as steps from one format to the next. `user_version` is the number of applied steps.
enum Schema {
    /// The format that this program writes.
    static var current: Int { steps.count }

    /// Added to `user_version` of a store that moves to another log: earlier programs refuse its format.
    private static let moving = 1_000

    /// One step for each format; a released step never changes.
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
        // 2: identities, which detect repeated submissions.
        """
        CREATE TABLE identities(name BLOB PRIMARY KEY, fingerprint BLOB NOT NULL, record INTEGER NOT NULL) WITHOUT ROWID;
        """,
        // 3: the log's own time; for each identity its latest trace, the rowid of a result or a dead letter, NULL while
        // there is none, 0 for an identity of an earlier format; and the latest record of each key of compacted topics.
        """
        CREATE TABLE clock(id INTEGER PRIMARY KEY, time INTEGER NOT NULL, boot INTEGER NOT NULL, boot_id TEXT NOT NULL,
            offset INTEGER NOT NULL, jump INTEGER NOT NULL, answer TEXT);
        ALTER TABLE identities ADD COLUMN last INTEGER DEFAULT 0;
        CREATE INDEX identities_last ON identities(last) WHERE last > 0;
        CREATE TABLE latest(partition INTEGER NOT NULL, key BLOB NOT NULL, record INTEGER NOT NULL,
            PRIMARY KEY(partition, key)) WITHOUT ROWID;
        CREATE TABLE tombstones(record INTEGER PRIMARY KEY);
        INSERT INTO latest SELECT p.id, r.key, max(r.id) FROM topics t JOIN partitions p ON p.topic = t.id
            JOIN records r ON r.id >= p.id << 40 AND r.id < (p.id + 1) << 40
            WHERE t.retention LIKE '%"compact"%' AND r.key IS NOT NULL GROUP BY p.id, r.key;
        DELETE FROM records WHERE id IN (SELECT r.id FROM topics t JOIN partitions p ON p.topic = t.id
            JOIN records r ON r.id >= p.id << 40 AND r.id < (p.id + 1) << 40
            WHERE t.retention LIKE '%"compact"%' AND r.key IS NOT NULL
                AND r.id <> (SELECT l.record FROM latest l WHERE l.partition = p.id AND l.key = r.key));
        INSERT INTO tombstones SELECT l.record FROM latest l JOIN records r ON r.id = l.record WHERE r.value IS NULL;
        """,
    ]

    /// The trigger stops processes that have the store open.
    private static let migration = """
        CREATE TABLE migration(id TEXT NOT NULL, cluster TEXT NOT NULL, prefix TEXT NOT NULL, started INTEGER NOT NULL,
            finished INTEGER);
        CREATE TRIGGER migrated BEFORE INSERT ON records BEGIN SELECT RAISE(ABORT, 'migrated'); END;
        """

    /// Offsets are the lower 40 bits of a rowid: 10¹² records for each of 4 million partitions.
    static let offsetBits: Int64 = 40

    /// The valid values of the two parts of a rowid.
    static let partitionIDs: Range<Int64> = 1..<(1 << (62 - offsetBits))
    static let offsets: Range<Int64> = 0..<(1 << offsetBits - 1)

    static func rowID(_ partition: Int64, _ offset: Int64) -> Int64 { partition << offsetBits | offset }
    static func offset(ofRow id: Int64) -> Int64 { id & (1 << offsetBits - 1) }

    /// Migrates the store to `target`, in one transaction.
    /// - Throws: `LogError.newerFormat` when a newer program wrote the store.
    static func migrate(_ writer: any DatabaseWriter, folder: String, to target: Int = current) throws {
        try writer.writeWithoutTransaction { database in
            try database.inTransaction(.immediate) {
                let (found, isMoving) = try format(of: database)
                guard found <= current else {
                    throw LogError.newerFormat(found: found, supported: current, folder: folder)
                }
                guard found < target else { return .commit }
                for step in steps[found..<target] { try database.execute(sql: step) }
                try setFormat(target, isMoving: isMoving, database)
                return .commit
            }
        }
    }

    /// Closes the store to new records, inside a transaction.
    static func beginMigration(_ database: Database) throws {
        try database.execute(sql: migration)
        try setFormat(current, isMoving: true, database)
    }

    /// Undoes `beginMigration`.
    static func withdrawMigration(_ database: Database) throws {
        try database.execute(sql: "DROP TRIGGER migrated; DROP TABLE migration")
        try setFormat(current, isMoving: false, database)
    }

    /// The number of applied steps, and whether the store moves to another log.
    static func format(of database: Database) throws -> (steps: Int, isMoving: Bool) {
        // The file may be of anybody.
        let version = max(0, try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0)
        return version > moving ? (version - moving, true) : (version, false)
    }

    private static func setFormat(_ format: Int, isMoving: Bool, _ database: Database) throws {
        try database.execute(sql: "PRAGMA user_version = \(isMoving ? moving + format : format)")
    }
}
