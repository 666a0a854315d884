internal import BackhaulLog
internal import BackhaulSQLite
internal import BackhaulUnits
internal import Foundation
internal import GRDB

/// The SQLite store of an embedded log: its statements, and the translation of SQLite's errors.
struct Store: Sendable {
    let folder: String
    let pool: DatabasePool
    let failPoint: @Sendable (String) throws -> Void

    /// How long a writer waits before it asks who holds the lock.
    private static let patience = Duration.seconds(2)

    /// How long the n-th wait for a lock takes, in milliseconds, as SQLite's own handler does it.
    private static func pause(_ number: Int) -> Int {
        number < 12 ? [1, 2, 5, 10, 15, 20, 25, 25, 25, 50, 50, 100][number] : 100
    }

    /// Opens `log.sqlite` in the folder; creates or migrates it.
    /// - Parameter onStall: told who holds the lock, once for each wait that takes longer than two seconds.
    /// - Throws: `LogError`.
    init(folder: String, options: EmbeddedOptions, onStall: @escaping @Sendable (_ holder: String) -> Void) throws {
        self.folder = folder
        failPoint = options.failPoint
        var configuration = Configuration()
        let longest = options.busyTimeout
        configuration.busyMode = .callback { number in
            let waited = Duration.milliseconds(
                (0..<min(number, 12)).reduce(max(0, number - 12) * 100) { $0 + Self.pause($1) })
            guard waited < longest else { return false }
            let pause = Duration.milliseconds(Self.pause(number))
            if waited < Self.patience, waited + pause >= Self.patience, let holder = LockHolder.find(folder: folder) {
                onStall(holder)
            }
            // SQLite calls this on the thread of the statement, which has to wait for the lock.
            usleep(UInt32(clamping: pause.inMilliseconds * 1_000))
            return true
        }
        configuration.maximumReaderCount = 4
        configuration.foreignKeysEnabled = false
        let synchronous = options.durability == .fsync ? "FULL" : "NORMAL"
        configuration.prepareDatabase { database in
            try database.execute(sql: "PRAGMA synchronous = \(synchronous)")
            try database.execute(sql: "PRAGMA journal_size_limit = 67108864")
        }
        // Creates the file before SQLite does, readable by its owner only; SQLite's other files get the same mode.
        let made = open(folder + "/log.sqlite", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        if made >= 0 { close(made) }
        do {
            pool = try DatabasePool(path: folder + "/log.sqlite", configuration: configuration)
            try Schema.migrate(pool, folder: folder)
            if options.owns { try Self.check(pool, folder: folder) }
        } catch {
            throw Self.translate(error, folder: folder)
        }
    }

    /// The largest store, in bytes, that is checked at the start: the check takes time by size. Larger stores rely on
    /// the checksums of the records that are read.
    private static let checkedSize: Int64 = 256 << 20

    private static func check(_ pool: DatabasePool, folder: String) throws {
        let size = (try? FileManager.default.attributesOfItem(atPath: folder + "/log.sqlite")[.size] as? Int64) ?? 0
        guard size <= checkedSize else { return }
        let answer = try pool.read { try String.fetchOne($0, sql: "PRAGMA quick_check(1)") }
        guard answer == "ok" else {
            throw LogError.damaged(what: answer ?? "SQLite's check gave no answer", place: folder + "/log.sqlite")
        }
    }

    /// Translates an error of SQLite for users of the log.
    static func translate(_ error: any Error, folder: String) -> any Error {
        guard let error = error as? DatabaseError else { return error }
        let path = folder + "/log.sqlite"
        switch error.resultCode {
        case .SQLITE_CONSTRAINT where error.message == "migrated":
            return LogError.migrated(folder: folder, to: "moves to another log; run 'backhaul status' to see which")
        case .SQLITE_FULL:
            return LogError.outOfSpace(folder: folder)
        case .SQLITE_CORRUPT, .SQLITE_NOTADB:
            return LogError.damaged(what: error.message ?? "SQLite reports that the file is corrupt", place: path)
        case .SQLITE_IOERR:
            // A full disk also causes I/O errors, when SQLite cannot extend the WAL or its index.
            var state = statvfs()
            if statvfs(folder, &state) == 0, UInt64(state.f_bavail) * UInt64(state.f_frsize) < 1 << 20 {
                return LogError.outOfSpace(folder: folder)
            }
            return LogError.unusable(folder: folder, reason: "input/output error in \(path): \(error)")
        case .SQLITE_BUSY:
            let holder = LockHolder.find(folder: folder) ?? "another process"
            return LogError.unavailable("\(holder) has locked \(path) for too long; continue it or end it")
        case .SQLITE_CANTOPEN, .SQLITE_READONLY, .SQLITE_PERM:
            return LogError.unusable(
                folder: folder, reason: "\(path) cannot be opened for writing: \(error.message ?? "")")
        default:
            return LogError.unusable(folder: folder, reason: "\(error)")
        }
    }

    // MARK: Topics

    func loadCatalog(_ database: Database) throws -> Catalog {
        var catalog = Catalog()
        var partitions: [Int64: [Int64]] = [:]
        var parts = try BoundStatement(database, "SELECT id, topic FROM partitions ORDER BY topic, number")
        while try parts.next() {
            let id = parts.integer(0)
            guard Schema.partitionIDs.contains(id) else {
                throw LogError.damaged(what: "a partition has the id \(id)", place: folder + "/log.sqlite")
            }
            partitions[parts.integer(1), default: []].append(id)
        }
        var topics = try BoundStatement(database, "SELECT id, name, partitions, retention FROM topics")
        while try topics.next() {
            let id = topics.integer(0)
            let name = topics.text(1) ?? ""
            let ids = partitions[id] ?? []
            guard Int64(ids.count) == topics.integer(2) else {
                throw LogError.damaged(what: "topic '\(name)' is missing partitions", place: folder + "/log.sqlite")
            }
            let (retention, answers) = try RetentionText.parse(topics.text(3) ?? "", topic: name)
            catalog.add(
                Catalog.Topic(
                    id: id,
                    specification: TopicSpecification(
                        name: name, partitions: ids.count, retention: retention, answers: answers),
                    partitions: ids))
        }
        return catalog
    }

    /// Creates missing topics, updates retentions, and writes the first position of each reader.
    /// - Throws: `LogError.topicMismatch`.
    func ensure(_ topics: [TopicSpecification], _ database: Database) throws {
        let existing = try loadCatalog(database)
        for topic in topics {
            let retention = RetentionText(topic).text
            if let found = existing.topics[topic.name] {
                guard found.specification.partitions == topic.partitions else {
                    throw LogError.topicMismatch(
                        topic: topic.name,
                        problem: "has \(found.specification.partitions) partitions, but the configuration says "
                            + "\(topic.partitions); set topics.partitions to \(found.specification.partitions)")
                }
                if found.specification != topic {
                    try database.execute(
                        sql: "UPDATE topics SET retention = ? WHERE id = ?", arguments: [retention, found.id])
                }
            } else {
                try database.execute(
                    sql: "INSERT INTO topics(name, partitions, retention) VALUES (?, ?, ?)",
                    arguments: [topic.name, topic.partitions, retention])
                let id = database.lastInsertedRowID
                for number in 0..<topic.partitions {
                    try database.execute(
                        sql: "INSERT INTO partitions(topic, number, earliest, next) VALUES (?, ?, 0, 0)",
                        arguments: [id, number])
                }
            }
            guard case .untilRead(let readers, _) = topic.retention else { continue }
            for reader in readers {
                try database.execute(
                    sql: """
                        INSERT OR IGNORE INTO positions(reader, partition, frontier, map)
                        SELECT ?, p.id, p.earliest, '' FROM partitions p JOIN topics t ON t.id = p.topic WHERE t.name = ?
                        """,
                    arguments: [reader, topic.name])
            }
        }
    }

    // MARK: Records

    /// Appends inside a transaction; adds to `ends` the new end of each partition touched.
    func append(
        _ requests: [AppendRequest], at now: Timestamp, catalog: Catalog, ends: inout [Int64: Int64],
        _ database: Database
    ) throws -> [AppendOutcome] {
        var outcomes: [AppendOutcome] = []
        outcomes.reserveCapacity(requests.count)
        var next: [Int64: Int64] = [:]
        var insert = try BoundStatement(
            database, "INSERT INTO records(id, at, key, value, headers, crc) VALUES (?, ?, ?, ?, ?, ?)")
        var end = try BoundStatement(database, "SELECT next FROM partitions WHERE id = ?")
        var name = try BoundStatement(
            database, "INSERT OR REPLACE INTO identities(name, fingerprint, record, last) VALUES (?, ?, ?, NULL)")
        var trace = try BoundStatement(database, "UPDATE identities SET last = ? WHERE name = ?")
        for request in requests {
            let target = try catalog.target(of: request)
            let partition = try catalog.id(of: target)
            if let identity = request.identity, let outcome = try known(identity, catalog: catalog, database) {
                outcomes.append(outcome)
                continue
            }
            let offset: Int64
            if let cached = next[partition] {
                offset = cached
            } else {
                end.bind(partition)
                offset = try end.next() ? end.integer(0) : 0
                end.reset()
            }
            guard Schema.offsets.contains(offset) else {
                throw LogError.damaged(what: "\(target) ends at \(offset)", place: folder + "/log.sqlite")
            }
            let row = Schema.rowID(partition, offset)
            let headers = HeaderBlock.encode(request.record.headers)
            let crc = Checksum.of(
                at: now.milliseconds, key: request.record.key, value: request.record.value, headers: headers)
            insert.bind(row)
            insert.bind(now.milliseconds)
            insert.bind(request.record.key)
            insert.bind(request.record.value)
            insert.bind(headers)
            insert.bind(Int64(crc))
            try insert.run()
            if let key = request.record.key, try catalog.topic(target.topic).mayHaveGaps {
                try supersede(key, in: partition, by: row, isTombstone: request.record.value == nil, database)
            }
            if let identity = request.identity {
                name.bind(identity.name)
                name.bind(identity.fingerprint)
                name.bind(row)
                try name.run()
            }
            for known in request.traces {
                trace.bind(row)
                trace.bind(known)
                try trace.run()
            }
            next[partition] = offset + 1
            outcomes.append(.appended(LogPosition(partition: target, offset: offset)))
            try failPoint("appended")
        }
        var update = try BoundStatement(database, "UPDATE partitions SET next = ? WHERE id = ?")
        for (partition, end) in next {
            update.bind(end)
            update.bind(partition)
            try update.run()
            ends[partition] = end
        }
        return outcomes
    }

    /// Deletes the previous record of a key of a compacted topic in the append that supersedes it, so that upkeep does
    /// not have to search for it.
    private func supersede(
        _ key: [UInt8], in partition: Int64, by row: Int64, isTombstone: Bool, _ database: Database
    ) throws {
        var before = try BoundStatement(database, "SELECT record FROM latest WHERE partition = ? AND key = ?")
        before.bind(partition)
        before.bind(key)
        let superseded = try before.next() ? before.integer(0) : nil
        before.reset()
        var latest = try BoundStatement(
            database, "INSERT OR REPLACE INTO latest(partition, key, record) VALUES (?, ?, ?)")
        latest.bind(partition)
        latest.bind(key)
        latest.bind(row)
        try latest.run()
        if let superseded, superseded < row {
            for table in ["records WHERE id", "tombstones WHERE record"] {
                var delete = try BoundStatement(database, "DELETE FROM \(table) = ?")
                delete.bind(superseded)
                try delete.run()
            }
        }
        guard isTombstone else { return }
        var mark = try BoundStatement(database, "INSERT INTO tombstones(record) VALUES (?)")
        mark.bind(row)
        try mark.run()
    }

    private func known(_ identity: RecordIdentity, catalog: Catalog, _ database: Database) throws -> AppendOutcome? {
        var known = try BoundStatement(database, "SELECT fingerprint, record, last FROM identities WHERE name = ?")
        known.bind(identity.name)
        guard try known.next() else { return nil }
        defer { known.reset() }
        let record = known.integer(1)
        // The record is deleted, and so is its last trace, or it ended before traces were stored: the identity counts
        // as new.
        let last = known.optionalInteger(2)
        if let last, try !isHeld(record, database), try last == 0 || !isHeld(last, database) { return nil }
        guard let partition = catalog.names[record >> Schema.offsetBits] else {
            throw LogError.damaged(what: "an identity points to an unknown partition", place: folder + "/log.sqlite")
        }
        let position = LogPosition(partition: partition, offset: Schema.offset(ofRow: record))
        return known.bytes(0) == identity.fingerprint ? .known(position) : .conflict(position)
    }

    /// Whether the record of a rowid is at or after its partition's earliest offset.
    private func isHeld(_ row: Int64, _ database: Database) throws -> Bool {
        var earliest = try BoundStatement(database, "SELECT earliest FROM partitions WHERE id = ?")
        earliest.bind(row >> Schema.offsetBits)
        defer { earliest.reset() }
        return try earliest.next() && Schema.offset(ofRow: row) >= earliest.integer(0)
    }

    /// Reads a page.
    /// - Throws: `LogError.damaged` for a missing record or a wrong checksum; `unknownPartition`.
    func read(
        _ partition: TopicPartition, from offset: Int64, records limit: Int, bytes: ByteCount, catalog: Catalog,
        _ database: Database
    ) throws -> (page: ReadPage, earliest: Int64) {
        let id = try catalog.id(of: partition)
        let gaps = try catalog.topic(partition.topic).mayHaveGaps
        var bounds = try BoundStatement(database, "SELECT earliest, next FROM partitions WHERE id = ?")
        bounds.bind(id)
        guard try bounds.next() else { throw LogError.unknownPartition(partition) }
        let earliest = bounds.integer(0)
        let end = bounds.integer(1)
        bounds.reset()
        guard Schema.offsets.contains(earliest), Schema.offsets.contains(end) else {
            throw LogError.damaged(what: "\(partition) holds \(earliest) to \(end)", place: folder + "/log.sqlite")
        }
        var next = max(offset, earliest)
        guard next < end else { return (ReadPage(records: [], next: max(next, end), end: end), earliest) }
        var records: [StoredRecord] = []
        var size = ByteCount.zero
        var select = try BoundStatement(
            database,
            "SELECT id, at, key, value, headers, crc FROM records WHERE id >= ? AND id < ? ORDER BY id LIMIT ?")
        select.bind(Schema.rowID(id, next))
        select.bind(Schema.rowID(id, end))
        select.bind(limit)
        defer { select.reset() }
        var complete = true
        while try select.next() {
            let found = Schema.offset(ofRow: select.integer(0))
            guard gaps || found == next else { throw missing(partition, next, found) }
            let stored = try decode(select, LogPosition(partition: partition, offset: found))
            records.append(stored)
            next = found + 1
            size += stored.record.size
            if size >= bytes || records.count >= limit {
                complete = false
                break
            }
        }
        // The query reached the end: in a compacted partition the offsets after the last record are a gap.
        if complete {
            guard gaps || next == end else { throw missing(partition, next, end) }
            next = end
        }
        return (ReadPage(records: records, next: next, end: end), earliest)
    }

    private func missing(_ partition: TopicPartition, _ first: Int64, _ next: Int64) -> LogError {
        .damaged(what: "records \(partition)@\(first) to \(next - 1) are missing", place: folder + "/log.sqlite")
    }

    private func decode(_ row: BoundStatement, _ position: LogPosition) throws -> StoredRecord {
        let at = row.integer(1)
        let key = row.bytes(2)
        let value = row.bytes(3)
        let headers = row.bytes(4) ?? []
        let crc = row.integer(5)
        guard Int64(Checksum.of(at: at, key: key, value: value, headers: headers)) == crc,
            let list = HeaderBlock.decode(headers)
        else {
            throw LogError.damaged(what: "record \(position) differs from its checksum", place: folder + "/log.sqlite")
        }
        return StoredRecord(
            position: position, appendedAt: Timestamp(clamping: at),
            record: LogRecord(key: key, value: value, headers: list))
    }

    // MARK: The log's time

    /// The time that was stored last; nil in a store without one.
    func time(_ database: Database) throws -> LogTime? {
        var row = try BoundStatement(database, "SELECT time, boot, boot_id, offset, jump FROM clock WHERE id = 1")
        defer { row.reset() }
        guard try row.next() else { return nil }
        return LogTime(
            time: Timestamp(clamping: row.integer(0)), boot: Self.difference(row.integer(1)), bootID: row.text(2) ?? "",
            offset: Self.difference(row.integer(3)), jump: Self.difference(row.integer(4)))
    }

    /// Limited to the longest difference of two times: the file may hold any number.
    private static func difference(_ milliseconds: Int64) -> Duration {
        .milliseconds(min(max(milliseconds, -Timestamp.latest.milliseconds), Timestamp.latest.milliseconds))
    }

    /// Stores the time; leaves an operator's answer untouched.
    func keep(_ time: LogTime, _ database: Database) throws {
        var row = try BoundStatement(
            database,
            """
            INSERT INTO clock(id, time, boot, boot_id, offset, jump, answer) VALUES (1, ?, ?, ?, ?, ?, NULL)
            ON CONFLICT(id) DO UPDATE SET time = excluded.time, boot = excluded.boot, boot_id = excluded.boot_id,
                offset = excluded.offset, jump = excluded.jump
            """)
        row.bind(time.time.milliseconds)
        row.bind(time.boot.inMilliseconds)
        row.bind(time.bootID)
        row.bind(time.offset.inMilliseconds)
        row.bind(time.jump.inMilliseconds)
        try row.run()
    }

    /// Takes and clears the operator's answer; nil without one.
    func takeAnswer(_ database: Database) throws -> LogTime.Answer? {
        var row = try BoundStatement(database, "SELECT answer FROM clock WHERE id = 1")
        let answer = try row.next() ? row.text(0).flatMap(LogTime.Answer.init(rawValue:)) : nil
        row.reset()
        guard answer != nil else { return nil }
        var clear = try BoundStatement(database, "UPDATE clock SET answer = NULL WHERE id = 1")
        try clear.run()
        return answer
    }

    /// Stores an operator's answer for the owner.
    func leave(_ answer: LogTime.Answer, _ database: Database) throws {
        var row = try BoundStatement(database, "UPDATE clock SET answer = ? WHERE id = 1")
        row.bind(answer.rawValue)
        try row.run()
    }

    /// The latest append time of the partitions' last records; nil in an empty log.
    func newest(_ catalog: Catalog, _ database: Database) throws -> Timestamp? {
        var newest: Timestamp?
        var last = try BoundStatement(
            database, "SELECT at FROM records WHERE id >= ? AND id < ? ORDER BY id DESC LIMIT 1")
        for partition in catalog.names.keys {
            last.bind(Schema.rowID(partition, 0))
            last.bind(Schema.rowID(partition + 1, 0))
            if try last.next() { newest = max(newest ?? .earliest, Timestamp(clamping: last.integer(0))) }
            last.reset()
        }
        return newest
    }

    // MARK: Positions

    func write(_ position: GroupPosition, of group: String, partition: Int64, _ database: Database) throws {
        var statement = try BoundStatement(
            database, "INSERT OR REPLACE INTO positions(reader, partition, frontier, map) VALUES (?, ?, ?, ?)")
        statement.bind(group)
        statement.bind(partition)
        statement.bind(position.frontier)
        statement.bind(position.map)
        try statement.run()
    }

    func positions(of group: String, catalog: Catalog, _ database: Database) throws -> [TopicPartition: GroupPosition] {
        var positions: [TopicPartition: GroupPosition] = [:]
        var rows = try BoundStatement(database, "SELECT partition, frontier, map FROM positions WHERE reader = ?")
        rows.bind(group)
        while try rows.next() {
            guard let partition = catalog.names[rows.integer(0)] else { continue }
            positions[partition] = GroupPosition(frontier: rows.integer(1), map: rows.text(2) ?? "")
        }
        return positions
    }

    func ends(_ database: Database) throws -> [Int64: Int64] {
        var ends: [Int64: Int64] = [:]
        var rows = try BoundStatement(database, "SELECT id, next FROM partitions")
        while try rows.next() { ends[rows.integer(0)] = rows.integer(1) }
        return ends
    }
}
