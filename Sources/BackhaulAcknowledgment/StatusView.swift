package import BackhaulDomain
package import BackhaulLog
internal import BackhaulWire
internal import Foundation
internal import GRDB
package import Logging

/// How many tasks are in which state.
package struct StatusCounts: Hashable, Sendable, Codable {
    package var accepted = 0
    package var waiting = 0
    package var running = 0
    package var retrying = 0
    package var succeeded = 0
    package var failed = 0
    package var cancelled = 0
    package var expired = 0

    package init() {}
}

/// What is known of every task at its latest generation, in SQLite. Derived from the log, and rebuilt from it when it is
/// deleted; it decides nothing.
///
/// Any process may bring it up to date: each page of records is applied in one transaction together with the position
/// behind it, and only if that position is still the one that the page was read from.
package final class StatusView: Sendable {
    private let database: DatabasePool
    private let log: any MessageLog
    private let layout: TopicLayout
    private let logger: Logger
    private let holdsTruncation: Bool

    /// Changes with the tables; a view of another version is thrown away and built anew.
    private static let version = 1

    private static let schema = """
        CREATE TABLE tasks(tenant TEXT NOT NULL, id TEXT NOT NULL, generation INTEGER NOT NULL, batch TEXT NOT NULL,
            state TEXT NOT NULL, bytes INTEGER NOT NULL, PRIMARY KEY(tenant, id)) WITHOUT ROWID;
        CREATE INDEX tasks_batch ON tasks(batch, state);
        CREATE TABLE positions(topic TEXT NOT NULL, partition INTEGER NOT NULL, next INTEGER NOT NULL,
            PRIMARY KEY(topic, partition)) WITHOUT ROWID;
        """

    /// Opens the view's file, making it where it is missing or of another version.
    /// - Parameter holdsTruncation: whether the log may truncate only behind this view: on one machine, where there is one.
    /// - Throws: `LogError.unusable`.
    package init(
        path: String, log: any MessageLog, layout: TopicLayout, holdsTruncation: Bool, logger: Logger
    ) throws {
        self.holdsTruncation = holdsTruncation
        self.log = log
        self.layout = layout
        self.logger = logger
        do {
            database = try Self.open(path)
        } catch {
            throw LogError.unusable(
                folder: path, reason: "the status view cannot be opened: \(error); delete it, it is rebuilt")
        }
    }

    private static func open(_ path: String) throws -> DatabasePool {
        var configuration = Configuration()
        configuration.busyMode = .timeout(30)
        configuration.maximumReaderCount = 2
        // Derived data: losing the last pages to a power cut only means applying them again.
        configuration.prepareDatabase { try $0.execute(sql: "PRAGMA synchronous = NORMAL") }
        func make() throws -> DatabasePool {
            let pool = try DatabasePool(path: path, configuration: configuration)
            try pool.write { database in
                let found = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
                guard found != version else { return }
                for table in try String.fetchAll(database, sql: "SELECT name FROM sqlite_master WHERE type = 'table'") {
                    try database.execute(sql: "DROP TABLE \"\(table)\"")
                }
                try database.execute(sql: schema)
                try database.execute(sql: "PRAGMA user_version = \(version)")
            }
            return pool
        }
        do {
            return try make()
        } catch let error as DatabaseError where [.SQLITE_CORRUPT, .SQLITE_NOTADB].contains(error.resultCode) {
            for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + suffix) }
            return try make()
        }
    }

    // MARK: Keeping up

    /// Follows the log until it closes or the task is cancelled.
    package func run() async throws {
        let changes = await log.changes()
        var committed = ContinuousClock.now - .seconds(60)
        var wait = 1
        while true {
            do {
                try await catchUp()
                // The log only needs these to know what it may truncate; seldom is enough.
                if holdsTruncation, ContinuousClock.now - committed > .seconds(10) {
                    committed = ContinuousClock.now
                    try await commitPositions()
                }
                wait = 1
            } catch let error as LogError {
                if case .damaged = error { throw error }
                if case .closed = error { return }
                try await pause(&wait, error)
                continue
            } catch let error as DatabaseError {
                // A full disk, most likely: the view is derived and must not take the workers down with it.
                try await pause(&wait, error)
                continue
            }
            var iterator = changes.makeAsyncIterator()
            guard await iterator.next() != nil else { return }
            // Under load every commit is a change: a little later many of them are applied at the price of one. Whoever
            // asks for a status brings the view up to date first.
            try await ContinuousClock().sleep(for: .milliseconds(200))
        }
    }

    private func pause(_ seconds: inout Int, _ error: any Error) async throws {
        logger.warning("the status view is behind", metadata: ["error": "\(error)", "wait_s": "\(seconds)"])
        try await ContinuousClock().sleep(for: .seconds(seconds))
        seconds = min(seconds * 2, 30)
    }

    /// Applies everything that the log holds by now.
    package func catchUp() async throws {
        for topic in [layout.tasks, layout.largeTasks, layout.outcomes, layout.results] {
            for bounds in try await log.bounds(topic) {
                while try await applyPage(of: bounds.partition, end: bounds.end) {}
            }
        }
    }

    /// - Returns: whether there is more.
    private func applyPage(of partition: TopicPartition, end: Int64) async throws -> Bool {
        let next = try await position(of: partition)
        guard next < end else { return false }
        let page = try await log.read(partition, from: next, records: 1_000, bytes: 1 << 20)
        let updates = page.records.compactMap { Self.update($0, layout: layout) }
        try await database.write { database in
            // Another process may have applied the page meanwhile.
            guard try Self.position(of: partition, database) == next else { return }
            for update in updates { try Self.apply(update, database) }
            try database.execute(
                sql: "INSERT OR REPLACE INTO positions(topic, partition, next) VALUES (?, ?, ?)",
                arguments: [partition.topic, partition.partition, page.next])
        }
        return page.next < end
    }

    private func position(of partition: TopicPartition) async throws -> Int64 {
        try await database.read { try Self.position(of: partition, $0) }
    }

    private static func position(of partition: TopicPartition, _ database: Database) throws -> Int64 {
        try Int64.fetchOne(
            database, sql: "SELECT next FROM positions WHERE topic = ? AND partition = ?",
            arguments: [partition.topic, partition.partition]) ?? 0
    }

    private func commitPositions() async throws {
        let positions = try await database.read { database in
            try Row.fetchAll(database, sql: "SELECT topic, partition, next FROM positions").map { row in
                (TopicPartition(topic: row[0], partition: row[1]), GroupPosition(frontier: row[2]))
            }
        }
        try await log.commit(Dictionary(positions) { $1 }, of: layout.view)
    }

    // MARK: What records say

    private struct Update: Sendable {
        var task: TaskGeneration
        var batch: String
        var state: String
        var bytes: UInt64
        /// How much it says about one generation: 0 accepted, 1 on its way, 2 ended. More replaces less, and among news
        /// on the way the later replaces the earlier.
        var rank: Int
    }

    private static func update(_ stored: StoredRecord, layout: TopicLayout) -> Update? {
        switch stored.position.partition.topic {
        case layout.results:
            guard let result = try? ResultDocument.decode(stored.record.value) else { return nil }
            return Update(task: result.task, batch: result.batch, state: result.status, bytes: result.bytes, rank: 2)
        case layout.outcomes:
            guard let outcome = try? OutcomeCodec.decode(stored.record.value), !outcome.kind.isTerminal else {
                return nil
            }
            let state =
                switch outcome.kind {
                case .started: "running"
                case .released: "waiting"
                default: "retrying"
                }
            return Update(task: outcome.task, batch: outcome.batch, state: state, bytes: outcome.bytes, rank: 1)
        default:
            guard let task = try? TaskCodec.decode(stored.record.value),
                let progress = try? ProgressHeaders.decode({ stored.record.header($0)?.text })
            else { return nil }
            return Update(
                task: TaskGeneration(identity: task.identity, generation: progress.generation), batch: task.batch,
                state: "waiting", bytes: task.size, rank: 0)
        }
    }

    private static func rank(of state: String) -> Int {
        switch state {
        case "waiting": 0
        case "running", "retrying": 1
        default: 2
        }
    }

    private static func apply(_ update: Update, _ database: Database) throws {
        let identity = update.task.identity
        let select = try database.cachedStatement(
            sql: "SELECT generation, state FROM tasks WHERE tenant = ? AND id = ?")
        if let row = try Row.fetchOne(select, arguments: [identity.tenant, identity.id]) {
            let generation: Int = row[0]
            let rank = rank(of: row[1])
            guard
                update.task.generation > generation
                    || (update.task.generation == generation && update.rank > 0 && update.rank >= rank)
            else { return }
        }
        let insert = try database.cachedStatement(
            sql: """
                INSERT OR REPLACE INTO tasks(tenant, id, generation, batch, state, bytes) VALUES (?, ?, ?, ?, ?, ?)
                """)
        insert.setUncheckedArguments([
            identity.tenant, identity.id, update.task.generation, update.batch, update.state,
            Int64(clamping: update.bytes),
        ])
        try insert.execute()
    }

    // MARK: Answers

    /// Counts by state, of one batch, one tenant, or all.
    package func counts(batch: String?, tenant: String?) async throws -> StatusCounts {
        try await database.read { database in
            var counts = StatusCounts()
            let rows = try Row.fetchAll(
                database,
                sql: """
                    SELECT state, count(*) FROM tasks WHERE (?1 IS NULL OR batch = ?1) AND (?2 IS NULL OR tenant = ?2)
                    GROUP BY state
                    """,
                arguments: [batch, tenant])
            for row in rows {
                let count: Int = row[1]
                switch row[0] as String {
                case "waiting": counts.waiting = count
                case "running": counts.running = count
                case "retrying": counts.retrying = count
                case "succeeded": counts.succeeded = count
                case "failed": counts.failed = count
                case "cancelled": counts.cancelled = count
                default: counts.expired += count
                }
                counts.accepted += count
            }
            return counts
        }
    }

    package func close() throws {
        try database.close()
    }
}
