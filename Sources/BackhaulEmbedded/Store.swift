internal import BackhaulLog
internal import BackhaulSQLite
internal import Foundation
internal import GRDB

/// The SQLite side of an embedded log: the statements, and what SQLite's failures mean.
struct Store: Sendable {
    let folder: String
    let pool: DatabasePool
    let failPoint: @Sendable (String) throws -> Void

    /// Opens `log.sqlite` in the folder, creating or migrating it.
    init(folder: String, options: EmbeddedOptions) throws {
        self.folder = folder
        failPoint = options.failPoint
        var configuration = Configuration()
        configuration.busyMode = .timeout(options.busyTimeout)
        configuration.maximumReaderCount = 4
        configuration.foreignKeysEnabled = false
        let synchronous = options.durability == .fsync ? "FULL" : "NORMAL"
        configuration.prepareDatabase { database in
            try database.execute(sql: "PRAGMA synchronous = \(synchronous)")
            try database.execute(sql: "PRAGMA journal_size_limit = 67108864")
        }
        // Made before SQLite makes it, readable by its owner only; SQLite's other files follow its mode.
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

    /// A whole check at start costs time by size; larger stores rely on the check of every record that is read.
    private static let checkedSize: Int64 = 256 << 20

    private static func check(_ pool: DatabasePool, folder: String) throws {
        let size = (try? FileManager.default.attributesOfItem(atPath: folder + "/log.sqlite")[.size] as? Int64) ?? 0
        guard size <= checkedSize else { return }
        let answer = try pool.read { try String.fetchOne($0, sql: "PRAGMA quick_check(1)") }
        guard answer == "ok" else {
            throw LogError.damaged(what: answer ?? "SQLite's check gave no answer", place: folder + "/log.sqlite")
        }
    }

    /// What a failure of SQLite means to a user of the log.
    static func translate(_ error: any Error, folder: String) -> any Error {
        guard let error = error as? DatabaseError else { return error }
        let place = folder + "/log.sqlite"
        switch error.resultCode {
        case .SQLITE_FULL:
            return LogError.outOfSpace(folder: folder)
        case .SQLITE_CORRUPT, .SQLITE_NOTADB:
            return LogError.damaged(what: error.message ?? "SQLite calls the file corrupt", place: place)
        case .SQLITE_IOERR:
            // A full disk also shows as a failed extension of the WAL index or of the WAL itself.
            var state = statvfs()
            if statvfs(folder, &state) == 0, UInt64(state.f_bavail) * UInt64(state.f_frsize) < 1 << 20 {
                return LogError.outOfSpace(folder: folder)
            }
            return LogError.unusable(folder: folder, reason: "input/output error in \(place): \(error)")
        case .SQLITE_BUSY:
            return LogError.unavailable("another process holds \(place) for too long")
        case .SQLITE_CANTOPEN, .SQLITE_READONLY, .SQLITE_PERM:
            return LogError.unusable(
                folder: folder, reason: "\(place) cannot be opened for writing: \(error.message ?? "")")
        default:
            return LogError.unusable(folder: folder, reason: "\(error)")
        }
    }

    // MARK: Topics

    func loadCatalog(_ database: Database) throws -> Catalog {
        var catalog = Catalog()
        let partitions = Dictionary(
            grouping: try Row.fetchAll(database, sql: "SELECT id, topic FROM partitions ORDER BY topic, number"),
            by: { $0["topic"] as Int64 })
        for row in try Row.fetchAll(database, sql: "SELECT id, name, partitions, retention FROM topics") {
            let id: Int64 = row["id"]
            let name: String = row["name"]
            let ids = (partitions[id] ?? []).map { $0["id"] as Int64 }
            guard ids.count == row["partitions"] as Int else {
                throw LogError.damaged(what: "topic '\(name)' lacks partitions", place: folder + "/log.sqlite")
            }
            catalog.add(
                Catalog.Topic(
                    id: id,
                    specification: TopicSpecification(
                        name: name, partitions: ids.count,
                        retention: try RetentionText.parse(row["retention"], topic: name)),
                    partitions: ids))
        }
        return catalog
    }

    /// Creates missing topics, updates retentions, and gives each reader its first position.
    func ensure(_ topics: [TopicSpecification], _ database: Database) throws {
        let existing = try loadCatalog(database)
        for topic in topics {
            let retention = RetentionText(topic.retention).text
            if let found = existing.topics[topic.name] {
                guard found.specification.partitions == topic.partitions else {
                    throw LogError.topicMismatch(
                        topic: topic.name,
                        problem: "has \(found.specification.partitions) partitions, the configuration says "
                            + "\(topic.partitions); set topics.partitions to \(found.specification.partitions)")
                }
                if found.specification.retention != topic.retention {
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
        _ requests: [AppendRequest], at now: Int64, catalog: Catalog, ends: inout [Int64: Int64], _ database: Database
    ) throws -> [AppendOutcome] {
        var outcomes: [AppendOutcome] = []
        outcomes.reserveCapacity(requests.count)
        var next: [Int64: Int64] = [:]
        var insert = try BoundStatement(
            database, "INSERT INTO records(id, at, key, value, headers, crc) VALUES (?, ?, ?, ?, ?, ?)")
        var end = try BoundStatement(database, "SELECT next FROM partitions WHERE id = ?")
        var name = try BoundStatement(database, "INSERT INTO identities(name, fingerprint, record) VALUES (?, ?, ?)")
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
            let row = Schema.rowID(partition, offset)
            let headers = HeaderBlock.encode(request.record.headers)
            let crc = Checksum.of(at: now, key: request.record.key, value: request.record.value, headers: headers)
            insert.bind(row)
            insert.bind(now)
            insert.bind(request.record.key)
            insert.bind(request.record.value)
            insert.bind(headers)
            insert.bind(Int64(crc))
            try insert.run()
            if let identity = request.identity {
                name.bind(identity.name)
                name.bind(identity.fingerprint)
                name.bind(row)
                try name.run()
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

    private func known(_ identity: RecordIdentity, catalog: Catalog, _ database: Database) throws -> AppendOutcome? {
        var known = try BoundStatement(database, "SELECT fingerprint, record FROM identities WHERE name = ?")
        known.bind(identity.name)
        guard try known.next() else { return nil }
        defer { known.reset() }
        let record = known.integer(1)
        guard let partition = catalog.names[record >> Schema.offsetBits] else {
            throw LogError.damaged(what: "an identity points to no partition", place: folder + "/log.sqlite")
        }
        let position = LogPosition(partition: partition, offset: Schema.offset(ofRow: record))
        return known.bytes(0) == identity.fingerprint ? .known(position) : .conflict(position)
    }

    /// Reads a page; a record that is missing where there must be one, or differs from its checksum, is damage.
    func read(
        _ partition: TopicPartition, from offset: Int64, records limit: Int, bytes: Int, catalog: Catalog,
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
        var next = max(offset, earliest)
        guard next < end else { return (ReadPage(records: [], next: max(next, end), end: end), earliest) }
        var records: [StoredRecord] = []
        var size = 0
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
        // Everything up to the end was looked at: what a compacted partition lacks behind its last record is a gap.
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
            position: position, appendedAt: at, record: LogRecord(key: key, value: value, headers: list))
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
        let rows = try Row.fetchAll(
            database, sql: "SELECT partition, frontier, map FROM positions WHERE reader = ?", arguments: [group])
        for row in rows {
            guard let partition = catalog.names[row["partition"]] else { continue }
            positions[partition] = GroupPosition(frontier: row["frontier"], map: row["map"])
        }
        return positions
    }

    func ends(_ database: Database) throws -> [Int64: Int64] {
        var ends: [Int64: Int64] = [:]
        for row in try Row.fetchAll(database, sql: "SELECT id, next FROM partitions") { ends[row[0]] = row[1] }
        return ends
    }
}
