internal import BackhaulDomain
internal import BackhaulLog
internal import BackhaulRecords
internal import BackhaulSQLite
internal import BackhaulUnits
internal import GRDB

/// What the log says about every key that has an object, in a temporary database.
final class ObjectSurvey: Sendable {
    private let queue: DatabaseQueue

    private static let schema = """
        CREATE TABLE accepted (
            place BLOB NOT NULL, tenant TEXT NOT NULL, id TEXT NOT NULL, generation INTEGER NOT NULL,
            source TEXT NOT NULL, acceptedAt INTEGER NOT NULL);
        CREATE TABLE ended (
            tenant TEXT NOT NULL, id TEXT NOT NULL, generation INTEGER NOT NULL, isRefused INTEGER NOT NULL);
        CREATE TABLE stored (
            place BLOB NOT NULL, tenant TEXT NOT NULL, id TEXT NOT NULL, generation INTEGER NOT NULL,
            batch TEXT NOT NULL, sha256 TEXT NOT NULL, size INTEGER NOT NULL, acceptedAt INTEGER NOT NULL);
        """
    /// Made when all rows are there: SQLite sorts them in files, where insertions in no order would not stay in memory.
    private static let indexes = """
        CREATE INDEX acceptedPlaces ON accepted (place, acceptedAt, generation);
        CREATE INDEX acceptedTasks ON accepted (tenant, id);
        CREATE INDEX endedTasks ON ended (tenant, id, generation);
        CREATE INDEX storedTasks ON stored (tenant, id, generation);
        CREATE INDEX storedPlaces ON stored (place, acceptedAt, generation);
        CREATE TABLE objects (number INTEGER PRIMARY KEY);
        INSERT INTO objects SELECT rowid FROM stored s WHERE NOT EXISTS (
            SELECT 1 FROM stored o WHERE o.place = s.place
            AND (o.acceptedAt, o.generation, o.rowid) > (s.acceptedAt, s.generation, s.rowid));
        """

    /// Reads tasks first, then results: a task without a result by then is unfinished.
    /// - Parameter isWanted: the places to survey.
    init(_ log: any MessageLog, _ layout: TopicLayout, isWanted: (ObjectPlace) throws -> Bool = { _ in true })
        async throws
    {
        queue = try .temporary(Self.schema)
        for topic in [layout.tasks, layout.largeTasks] {
            for bounds in try await log.bounds(topic) {
                try await log.scan(bounds.partition, to: bounds.end) { records in
                    try addTasks(
                        records.compactMap { stored in
                            guard let read = try? TaskRecord.read(stored.record) else { return nil }
                            let destination = read.task.destination
                            let place = ObjectPlace(destination: destination.label, key: destination.key)
                            return try isWanted(place) ? (read, place) : nil
                        })
                }
            }
        }
        for bounds in try await log.bounds(layout.results) {
            try await log.scan(bounds.partition, to: bounds.end) { records in
                try addResults(
                    records.compactMap { stored in
                        guard let result = try? ResultRecord.read(stored.record) else { return nil }
                        let place = ObjectPlace(destination: result.destination, key: result.key)
                        return try isWanted(place) ? (result, place) : nil
                    })
            }
        }
        try queue.inDatabase { try $0.execute(sql: Self.indexes) }
    }

    private func addTasks(_ tasks: [(read: TaskRecord, place: ObjectPlace)]) throws {
        try queue.write { database in
            var insert = try BoundStatement(database, "INSERT INTO accepted VALUES (?, ?, ?, ?, ?, ?)")
            for (read, place) in tasks {
                insert.bind(place.bytes)
                Self.bind(read.generation, &insert)
                insert.bind("\(read.task.source.root)\u{0}\(read.task.source.path)")
                insert.bind(read.task.acceptedAt.milliseconds)
                try insert.run()
            }
        }
    }

    private func addResults(_ results: [(document: ResultDocument, place: ObjectPlace)]) throws {
        try queue.write { database in
            var end = try BoundStatement(database, "INSERT INTO ended VALUES (?, ?, ?, ?)")
            var store = try BoundStatement(database, "INSERT INTO stored VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
            for (result, place) in results {
                Self.bind(result.task, &end)
                end.bind(result.failure?.kind == FailureClass.keyTaken.rawValue)
                try end.run()
                guard result.status == OutcomeKind.succeeded.rawValue, let sha256 = result.sha256 else { continue }
                store.bind(place.bytes)
                Self.bind(result.task, &store)
                store.bind(result.batch.text)
                store.bind(sha256)
                store.bind(Int64(clamping: result.bytes))
                store.bind((TimeText.parse(result.acceptedAt)?.timestamp ?? .earliest).milliseconds)
                try store.run()
            }
        }
    }

    private static func bind(_ task: TaskGeneration, _ statement: inout BoundStatement) {
        statement.bind(task.identity.tenant.text)
        statement.bind(task.identity.id.text)
        statement.bind(task.generation)
    }

    private static func task(_ row: BoundStatement, from column: Int32) -> TaskGeneration {
        TaskGeneration(
            identity: TaskIdentity(
                tenant: ByteText(row.text(column) ?? ""), id: ByteText(row.text(column + 1) ?? "")),
            generation: Int(clamping: row.integer(column + 2)))
    }

    // MARK: Questions

    /// How many keys have an object whose newest result is of the batch.
    func count(_ batch: ByteText?) throws -> Int {
        try queue.read { database in
            var rows = try BoundStatement(
                database,
                """
                SELECT count(*) FROM objects JOIN stored ON stored.rowid = objects.number
                WHERE ?1 IS NULL OR stored.batch = ?1
                """)
            rows.bind(batch?.text)
            defer { rows.reset() }
            return try rows.next() ? Int(clamping: rows.integer(0)) : 0
        }
    }

    /// The next objects in the order of their results.
    /// - Parameter after: the number of the last one; 0 at first.
    func objects(after: Int64, batch: ByteText?, limit: Int) throws -> [ExpectedObject] {
        try read(
            "objects.number > ?1 AND (?2 IS NULL OR stored.batch = ?2) ORDER BY objects.number LIMIT ?3"
        ) {
            $0.bind(after)
            $0.bind(batch?.text)
            $0.bind(limit)
        }
    }

    /// The object at a place; nil when none was stored there.
    func object(at place: ObjectPlace) throws -> ExpectedObject? {
        try read("stored.place = ?1") { $0.bind(place.bytes) }.first
    }

    private func read(_ condition: String, _ bind: (inout BoundStatement) -> Void) throws -> [ExpectedObject] {
        try queue.read { database in
            var rows = try BoundStatement(
                database,
                """
                SELECT number, place, tenant, id, generation, batch, sha256, size, acceptedAt
                FROM stored JOIN objects ON stored.rowid = objects.number WHERE \(condition)
                """)
            bind(&rows)
            defer { rows.reset() }
            var objects: [ExpectedObject] = []
            while try rows.next() {
                objects.append(
                    ExpectedObject(
                        number: rows.integer(0), place: ObjectPlace(rows.bytes(1) ?? []),
                        task: Self.task(rows, from: 2), batch: ByteText(rows.text(5) ?? ""),
                        sha256: rows.text(6) ?? "", size: ByteCount(clamping: rows.integer(7)),
                        acceptedAt: Timestamp(clamping: rows.integer(8))))
            }
            return objects
        }
    }

    /// Whether a task for the place has no result yet: its object may change at any moment.
    func isMoving(_ place: ObjectPlace) throws -> Bool {
        try queue.read { database in
            var rows = try BoundStatement(
                database,
                """
                SELECT 1 FROM accepted a WHERE a.place = ? AND NOT EXISTS (
                    SELECT 1 FROM ended e
                    WHERE e.tenant = a.tenant AND e.id = a.id AND e.generation = a.generation)
                LIMIT 1
                """)
            rows.bind(place.bytes)
            defer { rows.reset() }
            return try rows.next()
        }
    }

    /// The task that was accepted last for a place, whether or not it was stored. Does not count tasks that the
    /// destination's `overwrite` kept from the place: refused, or stored under a second name.
    func newest(at place: ObjectPlace) throws -> (task: TaskGeneration, acceptedAt: Timestamp)? {
        try queue.read { database in
            var rows = try BoundStatement(
                database,
                """
                SELECT tenant, id, generation, acceptedAt FROM accepted a WHERE place = ?
                AND NOT EXISTS (
                    SELECT 1 FROM ended e
                    WHERE e.tenant = a.tenant AND e.id = a.id AND e.generation = a.generation AND e.isRefused)
                AND NOT EXISTS (
                    SELECT 1 FROM stored s
                    WHERE s.tenant = a.tenant AND s.id = a.id AND s.generation = a.generation AND s.place <> a.place)
                ORDER BY acceptedAt DESC, generation DESC LIMIT 1
                """)
            rows.bind(place.bytes)
            defer { rows.reset() }
            guard try rows.next() else { return nil }
            return (Self.task(rows, from: 0), Timestamp(clamping: rows.integer(3)))
        }
    }

    /// Whether a content was stored at the place.
    func hasStored(_ sha256: String, at place: ObjectPlace) throws -> Bool {
        try queue.read { database in
            var rows = try BoundStatement(database, "SELECT 1 FROM stored WHERE place = ? AND sha256 = ? LIMIT 1")
            rows.bind(place.bytes)
            rows.bind(sha256)
            defer { rows.reset() }
            return try rows.next()
        }
    }

    /// Calls `each` with what was stored and then replaced by another file under the same key, as far as the files'
    /// tasks are kept. A new version of one file replaces the last one as it is meant to.
    func overwritten(_ batch: ByteText?, _ each: ([AuditFinding]) throws -> Void) throws {
        var places: [ObjectPlace] = []
        var last: [UInt8] = []
        repeat {
            places = try queue.read { database in
                var rows = try BoundStatement(
                    database,
                    """
                    SELECT place FROM stored WHERE place > ? GROUP BY place HAVING min(sha256) <> max(sha256)
                    ORDER BY place LIMIT 500
                    """)
                rows.bind(last)
                defer { rows.reset() }
                var places: [ObjectPlace] = []
                while try rows.next() {
                    last = rows.bytes(0) ?? []
                    places.append(ObjectPlace(last))
                }
                return places
            }
            for place in places { try each(try overwritten(at: place, batch)) }
        } while !places.isEmpty
    }

    private func overwritten(at place: ObjectPlace, _ batch: ByteText?) throws -> [AuditFinding] {
        guard let expected = try object(at: place) else { return [] }
        return try queue.read { database in
            var rows = try BoundStatement(
                database,
                """
                SELECT s.tenant, s.id, s.generation, s.batch, s.sha256,
                    (SELECT source FROM accepted a WHERE a.tenant = s.tenant AND a.id = s.id LIMIT 1) source
                FROM stored s WHERE s.place = ? ORDER BY s.acceptedAt, s.generation, s.rowid
                """)
            rows.bind(place.bytes)
            defer { rows.reset() }
            var newest: [ByteText: (task: TaskGeneration, batch: ByteText, sha256: String)] = [:]
            while try rows.next() {
                guard let source = rows.text(5) else { continue }
                newest[ByteText(source)] = (
                    Self.task(rows, from: 0), ByteText(rows.text(3) ?? ""), rows.text(4) ?? ""
                )
            }
            return newest.values.filter { $0.sha256 != expected.sha256 && (batch == nil || $0.batch == batch) }.map {
                AuditFinding(.overwritten, task: $0.task, at: place, expected: $0.sha256, found: expected.sha256)
            }
        }
    }
}
