package import BackhaulDomain
package import BackhaulLog
internal import Foundation
internal import GRDB

/// What a view is asked.
extension StatusView {
    /// A task that a view knows: where its record stands, and what it says.
    package struct KnownTask: Hashable, Sendable {
        package var position: LogPosition
        package var generation: Int
        package var fingerprint: [UInt8]
    }

    /// Counts by state, of one batch, one tenant, or all.
    package func counts(batch: String?, tenant: String?) async throws -> StatusCounts {
        try await database.read { database in
            var counts = StatusCounts()
            let rows = try Row.fetchAll(
                database,
                sql: """
                    SELECT state, sum(tasks) FROM counts WHERE (?1 IS NULL OR batch = ?1) AND (?2 IS NULL OR tenant = ?2)
                    GROUP BY state
                    """,
                arguments: [batch, tenant])
            for row in rows { counts.add(row[1], state: row[0]) }
            return counts
        }
    }

    /// Bytes of a batch's files: of all, and of those that are stored.
    package func bytes(batch: String, tenant: String) async throws -> (accepted: Int64, succeeded: Int64) {
        try await database.read { database in
            let row = try Row.fetchOne(
                database,
                sql: """
                    SELECT sum(bytes), sum(CASE WHEN state = 'succeeded' THEN bytes ELSE 0 END) FROM counts
                    WHERE tenant = ? AND batch = ?
                    """, arguments: [tenant, batch])
            return (row?[0] ?? 0, row?[1] ?? 0)
        }
    }

    /// Tasks of a tenant that are under way, or have ended and are not acknowledged.
    package func unacknowledged(tenant: String) async throws -> Int {
        try await database.read { database in
            try Int.fetchOne(
                database, sql: "SELECT sum(unacknowledged) FROM counts WHERE tenant = ?", arguments: [tenant]) ?? 0
        }
    }

    /// Which of the tasks are known, by their submission.
    package func known(_ identities: [TaskIdentity]) async throws -> [TaskIdentity: KnownTask] {
        try await database.read { database in
            var found: [TaskIdentity: KnownTask] = [:]
            let statement = try database.cachedStatement(
                sql: """
                    SELECT topic, partition, "offset", generation, fingerprint FROM tasks
                    WHERE tenant = ? AND id = ? AND topic IS NOT NULL
                    """)
            for identity in identities {
                guard let row = try Row.fetchOne(statement, arguments: [identity.tenant, identity.id]) else { continue }
                let fingerprint: Data = row[4] ?? Data()
                found[identity] = KnownTask(
                    position: LogPosition(
                        partition: TopicPartition(topic: row[0], partition: row[1]), offset: row[2]),
                    generation: row[3], fingerprint: Array(fingerprint))
            }
            return found
        }
    }

    package func task(_ identity: TaskIdentity) async throws -> TaskStatus? {
        try await database.read { database in
            try Row.fetchOne(
                database, sql: "SELECT * FROM tasks WHERE tenant = ? AND id = ?",
                arguments: [identity.tenant, identity.id]
            ).map(Self.status)
        }
    }

    /// Every try of a task, over all its generations, in order.
    package func attempts(_ status: TaskStatus) async throws -> [AttemptStatus] {
        var attempts = try await database.read { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT * FROM attempts WHERE tenant = ? AND id = ? ORDER BY generation, finished_at, "offset" LIMIT 10000
                    """, arguments: [status.task.identity.tenant, status.task.identity.id]
            ).map { row in
                AttemptStatus(
                    generation: row["generation"], attempt: row["attempt"], outcome: row["outcome"],
                    startedAt: row["started_at"], finishedAt: row["finished_at"], failure: Self.failure(row),
                    worker: row["worker"])
            }
        }
        if status.state == .succeeded, let started = status.startedAt, let finished = status.finishedAt {
            attempts.append(
                AttemptStatus(
                    generation: status.task.generation, attempt: status.attempts, outcome: status.state.rawValue,
                    startedAt: started, finishedAt: finished, failure: nil, worker: status.worker))
        }
        return attempts
    }

    /// Tasks that one search looks at, at the most.
    private static let lookedAt = 20_000

    package func search(_ search: TaskSearch) async throws -> TaskPage {
        var conditions = ["tenant = :tenant"]
        var arguments: [String: (any DatabaseValueConvertible)?] = ["tenant": search.tenant]
        if let batch = search.batch {
            conditions.append("batch = :batch AND batch <> ''")
            arguments["batch"] = batch
        }
        // The words of the partial index have to stand there for SQLite to use it.
        if let state = search.state, search.batch == nil, state != .waiting, state != .succeeded {
            conditions.append("state = '\(state.rawValue)' AND state NOT IN ('waiting', 'succeeded')")
        }
        if let from = search.acceptedFrom {
            conditions.append("accepted_at >= :from")
            arguments["from"] = from
        }
        if let before = search.acceptedBefore {
            conditions.append("accepted_at < :before")
            arguments["before"] = before
        }
        if let after = search.after {
            conditions.append("(accepted_at, id) > (:time, :id)")
            arguments["time"] = after.acceptedAt
            arguments["id"] = after.id
        }
        // The rest is asked of a bounded number of rows, so that no search costs more than so much.
        let inner = """
            SELECT * FROM tasks WHERE \(conditions.joined(separator: " AND ")) ORDER BY accepted_at, id LIMIT \(Self.lookedAt)
            """
        let free = StatementArguments(arguments)
        var rest: [String] = []
        if let state = search.state { rest.append("state = '\(state.rawValue)'") }
        if let destination = search.destination {
            rest.append("destination = :destination")
            arguments["destination"] = destination
        }
        let isFiltered = !rest.isEmpty
        let filter = isFiltered ? " WHERE " + rest.joined(separator: " AND ") : ""
        let bound = StatementArguments(arguments)
        return try await database.read { database in
            let found = try Row.fetchAll(
                database, sql: "SELECT * FROM (\(inner))\(filter) ORDER BY accepted_at, id LIMIT \(search.limit)",
                arguments: bound)
            let tasks = found.map(Self.status)
            var next: TaskSearch.Cursor?
            if tasks.count == search.limit, let last = tasks.last {
                next = TaskSearch.Cursor(acceptedAt: last.acceptedAt, id: last.task.identity.id)
            } else if isFiltered {
                // Whether the rows looked at were all there are.
                let end = try Row.fetchOne(
                    database,
                    sql: """
                        SELECT accepted_at, id, count(*) OVER () FROM (\(inner)) ORDER BY accepted_at DESC, id DESC LIMIT 1
                        """, arguments: free)
                if let end, (end[2] as Int) == Self.lookedAt {
                    next = TaskSearch.Cursor(acceptedAt: end[0], id: end[1])
                }
            }
            return TaskPage(tasks: tasks, next: next)
        }
    }

    // MARK: Rows

    private static func failure(_ row: Row) -> Failure? {
        guard let kind: String = row["failure"] else { return nil }
        return Failure(
            FailureClass(rawValue: kind) ?? .permanent, row["message"] ?? "", httpStatus: row["http_status"])
    }

    /// A result says what was known when it was written; a worker that met the cancelled task knows better.
    private static func mayExist(_ row: Row) -> Bool {
        guard (row["state"] as String) == TaskState.cancelled.rawValue, let word: Bool = row["left_behind"] else {
            return row["object_may_exist"]
        }
        return word
    }

    private static func status(_ row: Row) -> TaskStatus {
        var position: LogPosition?
        if let topic: String = row["topic"] {
            position = LogPosition(
                partition: TopicPartition(topic: topic, partition: row["partition"]), offset: row["offset"])
        }
        let bytes: Int64 = row["bytes"]
        return TaskStatus(
            task: TaskGeneration(
                identity: TaskIdentity(tenant: row["tenant"], id: row["id"]), generation: row["generation"]),
            state: TaskState(rawValue: row["state"]) ?? .expired, batch: row["batch"], root: row["root"],
            path: row["path"], destination: row["destination"], key: row["key"], bytes: UInt64(max(0, bytes)),
            acceptedAt: row["accepted_at"], startedAt: row["started_at"], finishedAt: row["finished_at"],
            nextAttemptAt: row["due_at"], attempts: row["attempts"], crashes: row["crashes"], failure: failure(row),
            sha256: row["sha256"], verification: row["verification"], objectMayExist: mayExist(row),
            worker: row["worker"], isAcknowledged: row["acknowledged"], position: position)
    }
}
