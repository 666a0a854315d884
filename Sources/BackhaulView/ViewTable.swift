internal import BackhaulDomain
internal import BackhaulLog
internal import BackhaulSQLite
internal import BackhaulUnits
internal import GRDB

/// Reads, adds and replaces the rows of a view's `tasks` table, each with one statement.
struct ViewTable {
    private var select: BoundStatement
    private var insert: BoundStatement
    private var update: BoundStatement

    /// In the order of `values`.
    private static let columns = [
        "generation", "batch", "state", "bytes", "destination", "key", "root", "path", "fingerprint", "accepted_at",
        "started_at", "finished_at", "due_at", "attempts", "crashes", "failure", "message", "http_status", "sha256",
        "verification", "object_may_exist", "worker", "acknowledged", "left_behind", "topic", "partition", "\"offset\"",
        "submitted_by", "place", "sent", "contested",
    ]
    private static let selectText =
        "SELECT \(columns.joined(separator: ", ")) FROM tasks WHERE tenant = ? AND id = ?"
    private static let insertText =
        "INSERT INTO tasks(\(columns.joined(separator: ", ")), tenant, id) "
        + "VALUES (\(Array(repeating: "?", count: columns.count + 2).joined(separator: ", ")))"
    // SQLite updates an index only when one of its columns changes.
    private static let updateText =
        "UPDATE tasks SET \(columns.map { "\($0) = ?" }.joined(separator: ", ")) WHERE tenant = ? AND id = ?"

    init(_ database: Database) throws {
        select = try BoundStatement(database, Self.selectText)
        insert = try BoundStatement(database, Self.insertText)
        update = try BoundStatement(database, Self.updateText)
    }

    mutating func row(of identity: TaskIdentity) throws -> ViewRow? {
        select.bind(identity.tenant.text)
        select.bind(identity.id.text)
        guard try select.next() else { return nil }
        defer { select.reset() }
        var known = ViewRow(
            generation: Int(select.integer(0)), batch: select.name(1),
            state: select.text(2).flatMap(TaskState.init(rawValue:)) ?? .expired, size: select.size(3),
            destination: select.name(4), key: select.name(5), acceptedAt: select.time(9))
        known.root = select.name(6)
        known.path = select.name(7)
        known.fingerprint = select.bytes(8)
        known.startedAt = select.optionalTime(10)
        known.finishedAt = select.optionalTime(11)
        known.dueAt = select.optionalTime(12)
        known.attempts = Int(select.integer(13))
        known.crashes = Int(select.integer(14))
        known.failure = select.text(15)
        known.message = select.text(16)
        known.httpStatus = select.optionalInteger(17).map { Int($0) }
        known.sha256 = select.text(18)
        known.verification = select.text(19)
        known.objectMayExist = select.integer(20) != 0
        known.worker = select.text(21) ?? ""
        known.isAcknowledged = select.integer(22) != 0
        known.leftBehind = select.optionalInteger(23).map { $0 != 0 }
        if let topic = select.text(24) {
            known.position = LogPosition(
                partition: TopicPartition(topic: topic, partition: Int(select.integer(25))), offset: select.integer(26))
        }
        known.submittedBy = select.name(27)
        known.sent = select.optionalInteger(29).map { ByteCount(UInt64(clamping: $0)) }
        known.isContested = select.integer(30) != 0
        return known
    }

    mutating func add(_ row: ViewRow, of identity: TaskIdentity) throws {
        Self.bind(row, identity, to: &insert)
        try insert.run()
    }

    mutating func replace(_ row: ViewRow, of identity: TaskIdentity) throws {
        Self.bind(row, identity, to: &update)
        try update.run()
    }

    private static func bind(_ row: ViewRow, _ identity: TaskIdentity, to statement: inout BoundStatement) {
        statement.bind(row.generation)
        statement.bind(row.batch.text)
        statement.bind(row.state.rawValue)
        statement.bind(row.size)
        statement.bind(row.destination.text)
        statement.bind(row.key.text)
        statement.bind(row.root.text)
        statement.bind(row.path.text)
        statement.bind(row.fingerprint)
        statement.bind(row.acceptedAt)
        statement.bind(row.startedAt)
        statement.bind(row.finishedAt)
        statement.bind(row.dueAt)
        statement.bind(row.attempts)
        statement.bind(row.crashes)
        statement.bind(row.failure)
        statement.bind(row.message)
        statement.bind(row.httpStatus)
        statement.bind(row.sha256)
        statement.bind(row.verification)
        statement.bind(row.objectMayExist)
        statement.bind(row.worker)
        statement.bind(row.isAcknowledged)
        statement.bind(row.leftBehind)
        statement.bind(row.position?.partition.topic)
        statement.bind(row.position?.partition.partition)
        statement.bind(row.position?.offset)
        statement.bind(row.submittedBy.text)
        statement.bind(row.place)
        statement.bind(row.sent.map { Int64(clamping: $0.bytes) })
        statement.bind(row.isContested)
        statement.bind(identity.tenant.text)
        statement.bind(identity.id.text)
    }
}
