internal import BackhaulDomain
internal import BackhaulLog
internal import BackhaulWire
internal import Foundation
internal import GRDB

/// Writes the news of one page into a view's tables, in the transaction of the page.
///
/// Topics are read one after the other, so news of one task come in any order between topics. Within a generation more
/// replaces less: accepted, then on its way, then ended; a task's record adds what only it tells, whenever it comes. A later
/// generation replaces an earlier one.
struct ViewApplier {
    /// What has to be known of a row to change it and its counts.
    private struct Known {
        var generation: Int
        var state: TaskState
        var batch: String
        var bytes: Int64
        var isAcknowledged: Bool
        var isSubmitted: Bool

        /// Counts against its tenant's limit: cancelled ones are acknowledged by themselves, as PhotoKit has it.
        var isUnacknowledged: Bool { isSubmitted && !isAcknowledged && state != .cancelled }
    }

    private struct Place: Hashable {
        var tenant: String
        var batch: String
        var state: String
    }

    private struct Change {
        var tasks = 0
        var bytes: Int64 = 0
        var unacknowledged = 0
    }

    private let database: Database
    private var changes: [Place: Change] = [:]

    init(_ database: Database) { self.database = database }

    mutating func apply(_ news: ViewNews) throws {
        switch news {
        case .accepted(let task, let generation, let fingerprint, let position):
            try accept(task, generation, fingerprint, position)
        case .outcome(let outcome, let position):
            try take(outcome, position)
        case .result(let result, let times):
            try end(result, times)
        }
    }

    /// Writes the counts; the last thing in the transaction.
    func finish() throws {
        let statement = try database.cachedStatement(
            sql: """
                INSERT INTO counts(tenant, batch, state, tasks, bytes, unacknowledged) VALUES (?, ?, ?, ?, ?, ?)
                ON CONFLICT DO UPDATE SET tasks = tasks + excluded.tasks, bytes = bytes + excluded.bytes,
                    unacknowledged = unacknowledged + excluded.unacknowledged
                """)
        for (place, change) in changes {
            try statement.execute(arguments: [
                place.tenant, place.batch, place.state, change.tasks, change.bytes, change.unacknowledged,
            ])
        }
    }

    // MARK: News

    private mutating func accept(
        _ task: UploadTask, _ generation: Int, _ fingerprint: [UInt8], _ position: LogPosition
    ) throws {
        let known = try known(task.identity)
        if let known, known.generation > generation {
            // What was first submitted stays what the submission said, whichever generation was met first.
            if generation == 0 {
                try database.cachedStatement(sql: "UPDATE tasks SET fingerprint = ? WHERE tenant = ? AND id = ?")
                    .execute(arguments: [Data(fingerprint), task.identity.tenant, task.identity.id])
            }
            return
        }
        var fresh = Known(
            generation: generation, state: .waiting, batch: task.batch, bytes: Int64(clamping: task.size),
            isAcknowledged: false, isSubmitted: true)
        if let known, known.generation == generation {
            // A repeated submission changes nothing.
            guard !known.isSubmitted else { return }
            fresh.state = known.state
            fresh.bytes = known.bytes
            fresh.isAcknowledged = known.isAcknowledged
            try database.cachedStatement(
                sql: """
                    UPDATE tasks SET batch = ?, root = ?, path = ?,
                        fingerprint = CASE WHEN generation = 0 THEN ?4 ELSE coalesce(fingerprint, ?4) END, accepted_at = ?, topic = ?,
                        partition = ?, "offset" = ? WHERE tenant = ? AND id = ?
                    """
            ).execute(arguments: [
                task.batch, task.source.root, task.source.path, Data(fingerprint), task.acceptedAt,
                position.partition.topic, position.partition.partition, position.offset, task.identity.tenant,
                task.identity.id,
            ])
        } else {
            var fingerprint = Data(fingerprint)
            // A retry may go elsewhere; what was submitted stays what it was.
            if generation > 0, known != nil,
                let first = try Data.fetchOne(
                    database, sql: "SELECT fingerprint FROM tasks WHERE tenant = ? AND id = ?",
                    arguments: [task.identity.tenant, task.identity.id])
            {
                fingerprint = first
            }
            try database.cachedStatement(
                sql: """
                    INSERT OR REPLACE INTO tasks(tenant, id, generation, batch, state, bytes, destination, key, root, path,
                        fingerprint, accepted_at, attempts, crashes, object_may_exist, worker, acknowledged, topic,
                        partition, "offset")
                    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0, '', 0, ?, ?, ?)
                    """
            ).execute(arguments: [
                task.identity.tenant, task.identity.id, generation, task.batch, fresh.state.rawValue, fresh.bytes,
                task.destination.label, task.destination.key, task.source.root, task.source.path, fingerprint,
                task.acceptedAt, position.partition.topic, position.partition.partition, position.offset,
            ])
        }
        count(task.identity.tenant, known, fresh)
    }

    private mutating func take(_ outcome: Outcome, _ position: LogPosition) throws {
        switch outcome.kind {
        case .acknowledged: try acknowledge(outcome)
        case .started: try move(outcome, to: .running)
        case .released: try move(outcome, to: .waiting)
        case .retrying:
            try note(outcome, position)
            try move(outcome, to: .retrying)
        case .failed, .expired:
            try note(outcome, position)
        case .cancelled: try report(outcome, isStored: false)
        case .succeeded: try report(outcome, isStored: true)
        }
    }

    private mutating func move(_ outcome: Outcome, to state: TaskState) throws {
        let identity = outcome.task.identity
        let known = try known(identity)
        if let known {
            guard outcome.task.generation >= known.generation else { return }
            if outcome.task.generation == known.generation, known.state.isTerminal { return }
        }
        var fresh = known ?? Self.unseen(outcome)
        if outcome.task.generation > fresh.generation { fresh = Self.unseen(outcome) }
        fresh.state = state
        try write(outcome, fresh, isNew: known?.generation != outcome.task.generation, due: outcome.nextAttemptAt)
        count(identity.tenant, known, fresh)
    }

    private mutating func end(_ result: ResultDocument, _ times: ViewNews.Times) throws {
        guard let kind = OutcomeKind(rawValue: result.status), let state = TaskState(rawValue: result.status) else {
            return
        }
        let known = try known(result.task.identity)
        if let known {
            guard result.generation >= known.generation else { return }
            if result.generation == known.generation, known.state.isTerminal { return }
        }
        // The label says no more whether it was a name; for a view that is enough.
        let outcome = Outcome(
            kind: kind, task: result.task, batch: result.batch,
            destination: DestinationReference(place: .named(result.destination), key: result.key),
            attempts: result.attempts, crashes: result.crashes, bytes: result.bytes, sha256: result.sha256 ?? "",
            verification: result.verification ?? "",
            failure: result.failure.map {
                Failure(FailureClass(rawValue: $0.kind) ?? .permanent, $0.message, httpStatus: $0.httpStatus)
            }, worker: result.worker, acceptedAt: times.accepted, startedAt: times.started, finishedAt: times.finished,
            objectMayExist: result.objectMayExist)
        var fresh = known ?? Self.unseen(outcome)
        if result.generation > fresh.generation { fresh = Self.unseen(outcome) }
        fresh.state = state
        fresh.bytes = Int64(clamping: result.bytes)
        try write(outcome, fresh, isNew: known?.generation != result.generation, due: nil)
        count(result.tenant, known, fresh)
    }

    private mutating func acknowledge(_ outcome: Outcome) throws {
        let identity = outcome.task.identity
        let known = try known(identity)
        if let known {
            guard outcome.task.generation >= known.generation else { return }
            if known.generation == outcome.task.generation, known.isAcknowledged { return }
        }
        var fresh = known ?? Self.unseen(outcome)
        if outcome.task.generation > fresh.generation { fresh = Self.unseen(outcome) }
        fresh.isAcknowledged = true
        if known?.generation != outcome.task.generation { try place(outcome, fresh) }
        try database.cachedStatement(sql: "UPDATE tasks SET acknowledged = 1 WHERE tenant = ? AND id = ?")
            .execute(arguments: [identity.tenant, identity.id])
        count(identity.tenant, known, fresh)
    }

    /// A worker's word on whether a generation's object may be there, for the case that it was cancelled. Once it may, it
    /// may: a task can have two records.
    private mutating func report(_ outcome: Outcome, isStored: Bool) throws {
        guard !outcome.worker.hasPrefix(TaskActions.author) else { return }
        let identity = outcome.task.identity
        let known = try known(identity)
        if let known {
            guard outcome.task.generation >= known.generation else { return }
            // The usual success, whose result is here already.
            if known.generation == outcome.task.generation, known.state == .succeeded { return }
        }
        if known?.generation != outcome.task.generation {
            let fresh = Self.unseen(outcome)
            try place(outcome, fresh)
            count(identity.tenant, known, fresh)
        }
        try database.cachedStatement(
            sql: "UPDATE tasks SET left_behind = max(coalesce(left_behind, 0), ?) WHERE tenant = ? AND id = ?"
        ).execute(arguments: [isStored || outcome.objectMayExist, identity.tenant, identity.id])
    }

    /// One try that failed; a success is told by the task's row.
    private func note(_ outcome: Outcome, _ position: LogPosition) throws {
        try database.cachedStatement(
            sql: """
                INSERT OR IGNORE INTO attempts(tenant, id, generation, partition, "offset", attempt, outcome, started_at,
                    finished_at, failure, message, http_status, worker) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """
        ).execute(arguments: [
            outcome.task.identity.tenant, outcome.task.identity.id, outcome.task.generation,
            position.partition.partition, position.offset, outcome.attempts, outcome.kind.rawValue, outcome.startedAt,
            outcome.finishedAt, outcome.failure?.kind.rawValue, outcome.failure?.message, outcome.failure?.httpStatus,
            outcome.worker,
        ])
    }

    // MARK: Rows

    private static func unseen(_ outcome: Outcome) -> Known {
        Known(
            generation: outcome.task.generation, state: .waiting, batch: outcome.batch,
            bytes: Int64(clamping: outcome.bytes), isAcknowledged: false, isSubmitted: false)
    }

    private func known(_ identity: TaskIdentity) throws -> Known? {
        let row = try Row.fetchOne(
            try database.cachedStatement(
                sql: """
                    SELECT generation, state, batch, bytes, acknowledged, topic IS NOT NULL FROM tasks
                    WHERE tenant = ? AND id = ?
                    """), arguments: [identity.tenant, identity.id])
        return row.map {
            Known(
                generation: $0[0], state: TaskState(rawValue: $0[1]) ?? .expired, batch: $0[2], bytes: $0[3],
                isAcknowledged: $0[4], isSubmitted: $0[5])
        }
    }

    /// Makes the row of a generation whose record has not been seen yet; what the submission said stays.
    private func place(_ outcome: Outcome, _ fresh: Known) throws {
        try database.cachedStatement(
            sql: """
                INSERT INTO tasks(tenant, id, generation, batch, state, bytes, destination, key, root, path,
                    accepted_at, attempts, crashes, object_may_exist, worker, acknowledged)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, '', '', ?, 0, 0, 0, '', 0)
                ON CONFLICT(tenant, id) DO UPDATE SET generation = excluded.generation, batch = excluded.batch,
                    state = excluded.state, bytes = excluded.bytes, destination = excluded.destination,
                    key = excluded.key, accepted_at = excluded.accepted_at, started_at = NULL, finished_at = NULL,
                    due_at = NULL, attempts = 0, crashes = 0, failure = NULL, message = NULL, http_status = NULL,
                    sha256 = NULL, verification = NULL, object_may_exist = 0, worker = '', acknowledged = 0,
                    left_behind = NULL, topic = NULL, partition = NULL, "offset" = NULL
                """
        ).execute(arguments: [
            outcome.task.identity.tenant, outcome.task.identity.id, fresh.generation, fresh.batch, fresh.state.rawValue,
            fresh.bytes, outcome.destination.label, outcome.destination.key, outcome.acceptedAt,
        ])
    }

    private func write(_ outcome: Outcome, _ fresh: Known, isNew: Bool, due: Int64?) throws {
        let isEnd = outcome.kind.isTerminal
        let identity = outcome.task.identity
        if isNew { try place(outcome, fresh) }
        try database.cachedStatement(
            sql: """
                UPDATE tasks SET state = ?, bytes = ?, started_at = ?, finished_at = ?, due_at = ?, attempts = ?,
                    crashes = ?, failure = ?, message = ?, http_status = ?, sha256 = ?, verification = ?,
                    object_may_exist = ?, worker = ? WHERE tenant = ? AND id = ?
                """
        ).execute(arguments: [
            fresh.state.rawValue, fresh.bytes, outcome.startedAt, isEnd ? outcome.finishedAt : nil, due,
            outcome.attempts, outcome.crashes, outcome.failure?.kind.rawValue, outcome.failure?.message,
            outcome.failure?.httpStatus, outcome.sha256.isEmpty ? nil : outcome.sha256,
            outcome.verification.isEmpty ? nil : outcome.verification, outcome.objectMayExist, outcome.worker,
            identity.tenant, identity.id,
        ])
    }

    private mutating func count(_ tenant: String, _ old: Known?, _ new: Known) {
        if let old {
            let place = Place(tenant: tenant, batch: old.batch, state: old.state.rawValue)
            changes[place, default: Change()].tasks -= 1
            changes[place, default: Change()].bytes -= old.bytes
            changes[place, default: Change()].unacknowledged -= old.isUnacknowledged ? 1 : 0
        }
        let place = Place(tenant: tenant, batch: new.batch, state: new.state.rawValue)
        changes[place, default: Change()].tasks += 1
        changes[place, default: Change()].bytes += new.bytes
        changes[place, default: Change()].unacknowledged += new.isUnacknowledged ? 1 : 0
    }
}
