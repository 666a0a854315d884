package import BackhaulDomain
package import BackhaulLog
internal import BackhaulSQLite
package import BackhaulTelemetry
internal import Foundation
internal import GRDB
package import Logging
internal import Synchronization

/// A result that a view has read, and where.
package typealias ObservedResult = (task: TaskGeneration, offset: Int64, isCancel: Bool)
/// Takes the results of one page, its partition, the offset that it was read from, and the one behind it.
package typealias ResultObserver =
    @Sendable (
        _ results: [ObservedResult], _ partition: Int, _ from: Int64, _ next: Int64
    ) -> Void

/// What is known of every task at its latest generation, in SQLite. Derived from the log, and rebuilt from it when it is
/// deleted; it decides nothing.
///
/// Any process may bring it up to date: each page of records is applied in one transaction together with the position
/// behind it, and only if that position is still the one that the page was read from.
package final class StatusView: Sendable {
    let database: DatabasePool
    private let log: any MessageLog
    private let layout: TopicLayout
    private let logger: Logger
    private let holdsTruncation: Bool
    private let commitEvery: Duration
    private let onResults: ResultObserver?
    /// Raised whenever pages have been applied.
    private let watchers = Mutex<[ObjectIdentifier: Signal]>([:])
    /// Raised when somebody begins to watch.
    private let attention = Signal()
    private let commits = Histogram(
        "backhaul_view_commit_duration_seconds", "How long applying a page of records to the view took, fsync included."
    )
    private struct Looks {
        /// Numbers of those who asked for a look, and of the last whom one has served.
        var asked = 0
        var covered = 0
        var isLooking = false
        var waiting: [Signal] = []
    }

    private let looks = Mutex(Looks())
    private let trouble = Mutex<String?>("the view is being built")
    /// Set when `run` begins, until the log watches all partitions for it, not only those that it has read.
    private let isToWatch = Atomic(false)
    /// Set once the log has told its followers that it ends.
    private let isLogClosed = Atomic(false)

    /// Changes with the tables; a view of another version is thrown away and built anew.
    private static let version = 4

    private static let schema = """
        CREATE TABLE tasks(tenant TEXT NOT NULL, id TEXT NOT NULL, generation INTEGER NOT NULL, batch TEXT NOT NULL,
            state TEXT NOT NULL, bytes INTEGER NOT NULL, destination TEXT NOT NULL, key TEXT NOT NULL,
            root TEXT NOT NULL, path TEXT NOT NULL, fingerprint BLOB, accepted_at INTEGER NOT NULL, started_at INTEGER,
            finished_at INTEGER, due_at INTEGER, attempts INTEGER NOT NULL, crashes INTEGER NOT NULL, failure TEXT,
            message TEXT, http_status INTEGER, sha256 TEXT, verification TEXT, object_may_exist INTEGER NOT NULL,
            worker TEXT NOT NULL, acknowledged INTEGER NOT NULL, left_behind INTEGER, topic TEXT, partition INTEGER, "offset" INTEGER,
            PRIMARY KEY(tenant, id)) WITHOUT ROWID;
        CREATE INDEX tasks_time ON tasks(tenant, accepted_at, id);
        CREATE INDEX tasks_batch ON tasks(tenant, batch, accepted_at, id) WHERE batch <> '';
        CREATE INDEX tasks_rare ON tasks(tenant, state, accepted_at, id) WHERE state NOT IN ('waiting', 'succeeded');
        CREATE TABLE attempts(tenant TEXT NOT NULL, id TEXT NOT NULL, generation INTEGER NOT NULL,
            partition INTEGER NOT NULL, "offset" INTEGER NOT NULL, attempt INTEGER NOT NULL, outcome TEXT NOT NULL,
            started_at INTEGER NOT NULL, finished_at INTEGER NOT NULL, failure TEXT, message TEXT, http_status INTEGER,
            worker TEXT NOT NULL, PRIMARY KEY(tenant, id, generation, partition, "offset")) WITHOUT ROWID;
        CREATE TABLE counts(tenant TEXT NOT NULL, batch TEXT NOT NULL, state TEXT NOT NULL, tasks INTEGER NOT NULL,
            bytes_high INTEGER NOT NULL, bytes_low INTEGER NOT NULL, unacknowledged INTEGER NOT NULL,
            PRIMARY KEY(tenant, batch, state)) WITHOUT ROWID;
        CREATE INDEX counts_batch ON counts(batch);
        CREATE TABLE tenants(tenant TEXT NOT NULL, state TEXT NOT NULL, tasks INTEGER NOT NULL,
            bytes_high INTEGER NOT NULL, bytes_low INTEGER NOT NULL, unacknowledged INTEGER NOT NULL,
            PRIMARY KEY(tenant, state)) WITHOUT ROWID;
        CREATE TABLE positions(topic TEXT NOT NULL, partition INTEGER NOT NULL, next INTEGER NOT NULL,
            PRIMARY KEY(topic, partition)) WITHOUT ROWID;
        """

    /// Opens the view's file, making it where it is missing or of another version.
    /// - Parameters:
    ///   - holdsTruncation: whether the log may truncate only behind this view: on one machine, where there is one.
    ///   - onResults: told of the results that the view reads, so that who decides by them need not read them again.
    ///   - commitEvery: between two commits of its positions: the log only needs them to know what it may truncate.
    /// - Throws: `LogError.unusable`.
    package init(
        path: String, log: any MessageLog, layout: TopicLayout, holdsTruncation: Bool, onResults: ResultObserver? = nil,
        commitEvery: Duration = .seconds(10), logger: Logger
    ) throws {
        self.onResults = onResults
        self.commitEvery = commitEvery
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
        configuration.maximumReaderCount = 4
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

    package func close() throws {
        try database.close()
    }

    // MARK: Keeping up

    package var families: [MetricFamily] { [commits.family] }

    /// Why the view is not up to date; nil when it was at its last look, and nothing has gone wrong since.
    package var obstacle: String? { trouble.withLock { $0 } }

    /// Follows the log until it closes or the task is cancelled.
    package func run() async throws {
        let changes = await log.changes()
        isToWatch.store(true, ordering: .relaxed)
        let news = Signal()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for await _ in changes { news.raise() }
                self.isLogClosed.store(true, ordering: .sequentiallyConsistent)
                news.raise()
            }
            defer { group.cancelAll() }
            try await follow(news)
        }
    }

    private func follow(_ news: Signal) async throws {
        var committed = ContinuousClock.now - .seconds(60)
        /// What the log was last told; nil before the first time.
        var told: [TopicPartition: Int64]?
        var wait = 1
        while !isLogClosed.load(ordering: .sequentiallyConsistent) {
            var rest: Duration?
            do {
                try await catchUp()
                trouble.withLock { $0 = nil }
                if holdsTruncation {
                    let positions = try await database.read { database in try Self.positions(database) }
                    if positions != told {
                        // Also when nothing comes any more: else the last burst would be kept for as long as it is quiet.
                        rest = commitEvery - (ContinuousClock.now - committed)
                        if rest ?? .zero <= .zero {
                            committed = ContinuousClock.now
                            try await log.commit(
                                positions.mapValues { GroupPosition(frontier: $0) }, of: layout.view)
                            told = positions
                            rest = nil
                        }
                    }
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
            if let rest { await news.wait(for: rest) } else { await news.wait() }
            try Task.checkCancellation()
            // Under load every commit is a change: a little later many of them are applied at the price of one, above all
            // where a task and its result are among them. Who watches the view, now or in a moment, is not to wait as long.
            if watchers.withLock({ $0.isEmpty }) { await attention.wait(for: .milliseconds(800)) }
            try await ContinuousClock().sleep(for: .milliseconds(200))
        }
    }

    private func pause(_ seconds: inout Int, _ error: any Error) async throws {
        trouble.withLock { $0 = "the view is behind the log" }
        logger.warning("the status view is behind", metadata: ["error": "\(error)", "wait_s": "\(seconds)"])
        try await ContinuousClock().sleep(for: .seconds(seconds))
        seconds = min(seconds * 2, 30)
    }

    /// Applies everything that the log holds by now. One caller at a time does: whoever comes while another is at it waits,
    /// and is content when a whole look began after he came. A caller that is cancelled waits no longer.
    package func catchUp() async throws {
        let mine = looks.withLock { looks in
            looks.asked += 1
            return looks.asked
        }
        let turn = Signal()
        while true {
            try Task.checkCancellation()
            let step = looks.withLock { looks -> Step in
                if looks.covered >= mine { return .content }
                if looks.isLooking {
                    looks.waiting.append(turn)
                    return .wait
                }
                looks.isLooking = true
                return .look(covers: looks.asked)
            }
            switch step {
            case .content: return
            // Woken by the end of a look, or by a cancel: either way the table tells.
            case .wait: await turn.wait()
            case .look(let covers):
                do {
                    try await look()
                } catch {
                    endLook(covers: 0)
                    throw error
                }
                return endLook(covers: covers)
            }
        }
    }

    private enum Step {
        case content
        case wait
        case look(covers: Int)
    }

    private func endLook(covers: Int) {
        let waiting = looks.withLock { looks in
            looks.isLooking = false
            looks.covered = max(looks.covered, covers)
            defer { looks.waiting = [] }
            return looks.waiting
        }
        for turn in waiting { turn.raise() }
    }

    /// Records of one partition in one transaction: many, since a row is written once a transaction; few, since they are in
    /// memory together.
    private static let pageRecords = 256
    private static let pageBytes = 256 << 10

    /// Results first: what has ended needs no word of how it came there. Their ends are taken first as well, so that
    /// whatever a result or an outcome tells of has its task among the records that are looked at.
    private func look() async throws {
        var places: [(partition: TopicPartition, end: Int64)] = []
        for topic in [layout.results, layout.outcomes, layout.tasks, layout.largeTasks] {
            places += try await log.bounds(topic).map { ($0.partition, $0.end) }
        }
        if isToWatch.load(ordering: .relaxed) {
            let positions = try await database.read { database in try Self.positions(database) }
            let cursors = places.map { ($0.partition, min(positions[$0.partition] ?? 0, $0.end)) }
            try await log.watch(Dictionary(cursors) { first, _ in first })
            isToWatch.store(false, ordering: .relaxed)
        }
        while true {
            places = try await applyPages(places)
            if places.isEmpty { return }
        }
    }

    /// Applies the next page of each partition, all in one transaction.
    /// - Returns: the partitions that have more.
    private func applyPages(_ places: [(partition: TopicPartition, end: Int64)]) async throws -> [(
        partition: TopicPartition, end: Int64
    )] {
        let positions = try await database.read { database in try Self.positions(database) }
        var pages: [(partition: TopicPartition, from: Int64, next: Int64, news: [ViewNews])] = []
        var open: [(partition: TopicPartition, end: Int64)] = []
        for place in places {
            let from = positions[place.partition] ?? 0
            guard from < place.end else { continue }
            let page = try await log.read(
                place.partition, from: from, records: Self.pageRecords, bytes: Self.pageBytes)
            if page.next < place.end { open.append(place) }
            guard page.next > from else { continue }
            let read = page.records.map { ($0.position.offset, ViewNews.read($0, layout: layout)) }
            if let onResults, place.partition.topic == layout.results {
                let results = read.compactMap { offset, news -> ObservedResult? in
                    guard case .result(let outcome) = news else { return nil }
                    return (outcome.task, offset, outcome.kind == .cancelled)
                }
                onResults(results, place.partition.partition, from, page.next)
            }
            pages.append((place.partition, from, page.next, read.compactMap(\.1)))
        }
        guard !pages.isEmpty else { return open }
        let start = ContinuousClock.now
        defer { commits.observe((ContinuousClock.now - start) / .seconds(1)) }
        let applied = pages
        try await database.write { database in
            let positions = try Self.positions(database)
            var applier = try ViewApplier(database)
            var move = try BoundStatement(
                database, "INSERT OR REPLACE INTO positions(topic, partition, next) VALUES (?, ?, ?)")
            // Another process may have applied a page meanwhile.
            for page in applied where positions[page.partition] ?? 0 == page.from {
                for item in page.news { try applier.apply(item) }
                move.bind(page.partition.topic)
                move.bind(page.partition.partition)
                move.bind(page.next)
                try move.run()
            }
            try applier.finish()
        }
        for signal in watchers.withLock({ Array($0.values) }) { signal.raise() }
        return open
    }

    private static func positions(_ database: Database) throws -> [TopicPartition: Int64] {
        var statement = try BoundStatement(database, "SELECT topic, partition, next FROM positions")
        var positions: [TopicPartition: Int64] = [:]
        while try statement.next() {
            let partition = TopicPartition(topic: statement.text(0) ?? "", partition: Int(statement.integer(1)))
            positions[partition] = max(0, statement.integer(2))
        }
        return positions
    }

    // MARK: How far it is

    /// Up to where the partition's records are in the view.
    package func position(of partition: TopicPartition) async throws -> Int64 {
        try await database.read { try Self.position(of: partition, $0) }
    }

    private static func position(of partition: TopicPartition, _ database: Database) throws -> Int64 {
        var statement = try BoundStatement(
            database, "SELECT next FROM positions WHERE topic = ? AND partition = ?")
        statement.bind(partition.topic)
        statement.bind(partition.partition)
        defer { statement.reset() }
        return try statement.next() ? max(0, statement.integer(0)) : 0
    }

    /// Records that the log holds and the view has not seen.
    package func lag() async throws -> Int64 {
        var lag: Int64 = 0
        for topic in [layout.tasks, layout.largeTasks, layout.outcomes, layout.results] {
            for bounds in try await log.bounds(topic) {
                lag += max(0, bounds.end - max(bounds.earliest, try await position(of: bounds.partition)))
            }
        }
        return lag
    }

    /// Raised whenever the view has moved on, until `unwatch`.
    package func watch() -> Signal {
        let signal = Signal()
        watchers.withLock { $0[ObjectIdentifier(signal)] = signal }
        attention.raise()
        return signal
    }

    package func unwatch(_ signal: Signal) {
        watchers.withLock { _ = $0.removeValue(forKey: ObjectIdentifier(signal)) }
    }
}
