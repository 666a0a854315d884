package import BackhaulDomain
internal import BackhaulLog
internal import BackhaulSQLite
package import BackhaulUnits
internal import GRDB

/// Queries a view.
extension StatusView {
    /// Counts tasks by state, for one batch, one tenant or all; nil means any.
    package func counts(batch: ByteText?, tenant: ByteText?) async throws -> StatusCounts {
        try await reading { database in
            // A tenant's sums have their own rows, since the number of batches is not bounded.
            var statement = try BoundStatement(
                database,
                batch == nil
                    ? "SELECT state, sum(tasks) FROM tenants WHERE ?1 IS NULL AND (?2 IS NULL OR tenant = ?2) GROUP BY state"
                    : "SELECT state, sum(tasks) FROM counts WHERE batch = ?1 AND (?2 IS NULL OR tenant = ?2) GROUP BY state"
            )
            statement.bind(batch?.text)
            statement.bind(tenant?.text)
            var counts = StatusCounts()
            while try statement.next() {
                counts.add(Int(statement.integer(1)), state: statement.text(0) ?? "")
            }
            return counts
        }
    }

    /// The size of the files that are stored, of one batch, one tenant or all; nil means any.
    package func storedSize(batch: ByteText?, tenant: ByteText?) async throws -> ByteCount {
        try await reading { database in
            var statement = try BoundStatement(
                database,
                batch == nil
                    ? "SELECT bytes_high, bytes_low FROM tenants WHERE ?1 IS NULL AND (?2 IS NULL OR tenant = ?2) "
                        + "AND state = 'succeeded'"
                    : "SELECT bytes_high, bytes_low FROM counts WHERE batch = ?1 AND (?2 IS NULL OR tenant = ?2) "
                        + "AND state = 'succeeded'")
            statement.bind(batch?.text)
            statement.bind(tenant?.text)
            var sum = WideSum()
            while try statement.next() {
                sum = sum.adding(WideSum(high: statement.integer(0), low: statement.integer(1)))
            }
            return sum.size
        }
    }

    /// The uploads that their workers have marked as in flight: the oldest of them.
    package func inFlight(batch: ByteText?, tenant: ByteText?, limit: Int) async throws -> [TaskStatus] {
        try await reading { database in
            var statement = try BoundStatement(
                database,
                """
                SELECT \(Self.columns) FROM tasks INDEXED BY tasks_open
                WHERE \(Self.isOpen) AND state = 'running' AND (?1 IS NULL OR batch = ?1) AND (?2 IS NULL OR tenant = ?2)
                ORDER BY started_at LIMIT ?3
                """)
            statement.bind(batch?.text)
            statement.bind(tenant?.text)
            statement.bind(limit)
            var found: [TaskStatus] = []
            while try statement.next() { found.append(Self.status(statement)) }
            return found
        }
    }

    /// The names of all batches that have a task, in order; of one tenant or all.
    package func batches(tenant: ByteText? = nil) async throws -> [ByteText] {
        try await reading { database in
            var statement = try BoundStatement(
                database,
                "SELECT DISTINCT batch FROM counts WHERE tasks > 0 AND (?1 IS NULL OR tenant = ?1) ORDER BY batch")
            statement.bind(tenant?.text)
            var found: [ByteText] = []
            while try statement.next() { found.append(statement.name(0)) }
            return found
        }
    }

    /// The names of all tenants that have a task, in order.
    package func tenants() async throws -> [ByteText] {
        try await reading { database in
            var statement = try BoundStatement(
                database, "SELECT DISTINCT tenant FROM tenants WHERE tasks > 0 ORDER BY tenant")
            var found: [ByteText] = []
            while try statement.next() { found.append(statement.name(0)) }
            return found
        }
    }

    /// The size of all files of a batch, and of those that are stored.
    package func size(batch: ByteText, tenant: ByteText) async throws -> (accepted: ByteCount, succeeded: ByteCount) {
        try await reading { database in
            var statement = try BoundStatement(
                database, "SELECT state, bytes_high, bytes_low FROM counts WHERE tenant = ? AND batch = ?")
            statement.bind(tenant.text)
            statement.bind(batch.text)
            var all = WideSum()
            var stored = WideSum()
            while try statement.next() {
                let part = WideSum(high: statement.integer(1), low: statement.integer(2))
                all = all.adding(part)
                if statement.text(0) == TaskState.succeeded.rawValue { stored = stored.adding(part) }
            }
            return (all.size, stored.size)
        }
    }

    /// The number of a tenant's tasks that are in progress, or ended and not acknowledged.
    package func unacknowledged(tenant: ByteText) async throws -> Int {
        try await reading { database in
            var statement = try BoundStatement(database, "SELECT unacknowledged FROM tenants WHERE tenant = ?")
            statement.bind(tenant.text)
            var sum = 0
            while try statement.next() { sum = sum.addingClamped(Int(statement.integer(0))) }
            return max(0, sum)
        }
    }

    /// What has become of those of the tasks that the view has.
    package func known(_ identities: [TaskIdentity]) async throws -> [TaskIdentity: KnownTask] {
        try await reading { database in
            var found: [TaskIdentity: KnownTask] = [:]
            var statement = try BoundStatement(
                database,
                """
                SELECT topic, partition, "offset", generation, fingerprint, state, finished_at FROM tasks
                WHERE tenant = ? AND id = ?
                """)
            for identity in identities {
                statement.bind(identity.tenant.text)
                statement.bind(identity.id.text)
                guard try statement.next() else { continue }
                let position = statement.text(0).map { topic in
                    LogPosition(
                        partition: TopicPartition(topic: topic, partition: Int(statement.integer(1))),
                        offset: statement.integer(2))
                }
                found[identity] = KnownTask(
                    position: position,
                    generation: Int(statement.integer(3)), fingerprint: statement.bytes(4) ?? [],
                    state: statement.text(5).flatMap(TaskState.init(rawValue:)) ?? .expired,
                    finishedAt: statement.optionalTime(6))
                statement.reset()
            }
            return found
        }
    }

    /// The tasks among `identities` that the view has.
    package func tasks(_ identities: [TaskIdentity]) async throws -> [TaskIdentity: TaskStatus] {
        try await reading { database in
            var found: [TaskIdentity: TaskStatus] = [:]
            var statement = try BoundStatement(
                database, "SELECT \(Self.columns) FROM tasks WHERE tenant = ? AND id = ?")
            for identity in identities {
                statement.bind(identity.tenant.text)
                statement.bind(identity.id.text)
                if try statement.next() { found[identity] = Self.status(statement) }
                statement.reset()
            }
            return found
        }
    }

    package func task(_ identity: TaskIdentity) async throws -> TaskStatus? {
        try await reading { database in
            var statement = try BoundStatement(
                database, "SELECT \(Self.columns) FROM tasks WHERE tenant = ? AND id = ?")
            statement.bind(identity.tenant.text)
            statement.bind(identity.id.text)
            defer { statement.reset() }
            return try statement.next() ? Self.status(statement) : nil
        }
    }

    /// The tries of a task over all its generations, in order; at most 10,000 failed ones.
    package func attempts(_ status: TaskStatus) async throws -> [AttemptStatus] {
        var attempts = try await reading { database in
            var statement = try BoundStatement(
                database,
                """
                SELECT generation, attempt, outcome, started_at, finished_at, worker, failure, message, http_status
                FROM attempts WHERE tenant = ? AND id = ? ORDER BY generation, finished_at, "offset" LIMIT 10000
                """)
            statement.bind(status.task.identity.tenant.text)
            statement.bind(status.task.identity.id.text)
            var found: [AttemptStatus] = []
            while try statement.next() {
                found.append(
                    AttemptStatus(
                        generation: Int(statement.integer(0)), attempt: Int(statement.integer(1)),
                        outcome: statement.text(2) ?? "", startedAt: statement.time(3),
                        finishedAt: statement.time(4), failure: Self.failure(statement, from: 6),
                        worker: statement.text(5) ?? ""))
            }
            return found
        }
        if status.state == .succeeded, let started = status.startedAt, let finished = status.finishedAt {
            attempts.append(
                AttemptStatus(
                    generation: status.task.generation, attempt: status.attempts, outcome: status.state.rawValue,
                    startedAt: started, finishedAt: finished, failure: nil, worker: status.worker))
        }
        return attempts
    }

    /// The maximum number of tasks that one search examines.
    private static let lookedAt = 20_000

    package func search(_ search: TaskSearch) async throws -> TaskPage {
        var conditions = ["tenant = ?"]
        var values: [Bound] = [.text(search.tenant.text)]
        if let batch = search.batch {
            conditions.append("batch = ? AND batch <> ''")
            values.append(.text(batch.text))
        }
        // SQLite uses the partial index only if the query repeats its condition.
        if let state = search.state, search.batch == nil, state != .waiting, state != .succeeded {
            conditions.append("state = '\(state.rawValue)' AND state NOT IN ('waiting', 'succeeded')")
        }
        if let from = search.acceptedFrom {
            conditions.append("accepted_at >= ?")
            values.append(.number(from.milliseconds))
        }
        if let before = search.acceptedBefore {
            conditions.append("accepted_at < ?")
            values.append(.number(before.milliseconds))
        }
        if let after = search.after {
            conditions.append("(accepted_at, id) > (?, ?)")
            values += [.number(after.acceptedAt.milliseconds), .text(after.id.text)]
        }
        // The other conditions filter a bounded number of rows, which bounds the cost of a search.
        let inner = """
            SELECT \(Self.columns) FROM tasks WHERE \(conditions.joined(separator: " AND "))
            ORDER BY accepted_at, id LIMIT \(Self.lookedAt)
            """
        var rest: [String] = []
        var filters: [Bound] = []
        if let state = search.state { rest.append("state = '\(state.rawValue)'") }
        if let destination = search.destination {
            rest.append("destination = ?")
            filters.append(.text(destination.text))
        }
        if search.isOpen { rest.append(Self.isOpen) }
        if let failure = search.failure {
            rest.append("failure = ?")
            filters.append(.text(failure))
        }
        if let name = search.name {
            rest.append("(id = ? OR key = ? OR path = ?)")
            filters += Array(repeating: .text(name.text), count: 3)
        }
        let isFiltered = !rest.isEmpty
        let filter = isFiltered ? " WHERE " + rest.joined(separator: " AND ") : ""
        let (bound, filtered) = (values, values + filters)
        return try await reading { database in
            var statement = try BoundStatement(
                database, "SELECT * FROM (\(inner))\(filter) ORDER BY accepted_at, id LIMIT \(search.limit)")
            for value in filtered { value.bind(to: &statement) }
            var tasks: [TaskStatus] = []
            while try statement.next() { tasks.append(Self.status(statement)) }
            var next: TaskSearch.Cursor?
            if tasks.count == search.limit, let last = tasks.last {
                next = TaskSearch.Cursor(acceptedAt: last.acceptedAt, id: last.task.identity.id)
            } else if isFiltered {
                // Finds out whether the examined rows were all that match.
                var end = try BoundStatement(
                    database,
                    """
                    SELECT accepted_at, id, count(*) OVER () FROM (\(inner)) ORDER BY accepted_at DESC, id DESC LIMIT 1
                    """)
                for value in bound { value.bind(to: &end) }
                if try end.next(), end.integer(2) == Int64(Self.lookedAt) {
                    next = TaskSearch.Cursor(acceptedAt: end.time(0), id: end.name(1))
                }
                end.reset()
            }
            return TaskPage(tasks: tasks, next: next)
        }
    }

    /// A value that is bound to a condition.
    private enum Bound: Sendable {
        case text(String)
        case number(Int64)

        func bind(to statement: inout BoundStatement) {
            switch self {
            case .text(let text): statement.bind(text)
            case .number(let number): statement.bind(number)
            }
        }
    }

    // MARK: Rows

    /// In the order in which `status` reads them.
    private static let columns = """
        tenant, id, generation, state, batch, root, path, destination, key, bytes, accepted_at, started_at, finished_at,
        due_at, attempts, crashes, sha256, verification, object_may_exist, left_behind, worker, acknowledged, topic,
        partition, "offset", failure, message, http_status, submitted_by, sent
        """

    /// The file may hold anything: SQLite converts values, and nothing here may trap.
    private static func status(_ row: BoundStatement) -> TaskStatus {
        let state = row.text(3).flatMap(TaskState.init(rawValue:)) ?? .expired
        var position: LogPosition?
        if let topic = row.text(22) {
            position = LogPosition(
                partition: TopicPartition(topic: topic, partition: Int(row.integer(23))), offset: row.integer(24))
        }
        // A result holds what was known when it was written. The report of a worker that observed the cancelled
        // task is more exact.
        let leftBehind = state == .cancelled ? row.optionalInteger(19).map { $0 != 0 } : nil
        return TaskStatus(
            task: TaskGeneration(
                identity: TaskIdentity(tenant: row.name(0), id: row.name(1)), generation: Int(row.integer(2))),
            state: state, batch: row.name(4), root: row.name(5), path: row.name(6), destination: row.name(7),
            key: row.name(8), size: row.size(9), acceptedAt: row.time(10),
            startedAt: row.optionalTime(11), finishedAt: row.optionalTime(12),
            nextAttemptAt: row.optionalTime(13), attempts: Int(row.integer(14)), crashes: Int(row.integer(15)),
            failure: failure(row, from: 25), sha256: row.text(16), verification: row.text(17),
            objectMayExist: leftBehind ?? (row.integer(18) != 0), worker: row.text(20) ?? "",
            submittedBy: row.name(28), isAcknowledged: row.integer(21) != 0, position: position,
            bytesSent: row.optionalInteger(29).map { ByteCount(UInt64(clamping: $0)) })
    }

    /// Reads kind, message and HTTP status from adjacent columns.
    private static func failure(_ row: BoundStatement, from column: Int32) -> Failure? {
        guard let kind = row.text(column) else { return nil }
        return Failure(
            FailureClass(rawValue: kind) ?? .permanent, row.text(column + 1) ?? "",
            httpStatus: row.optionalInteger(column + 2).map { Int($0) })
    }
}
