package import BackhaulDomain
package import BackhaulLog
package import BackhaulRecords
internal import BackhaulSQLite
package import BackhaulTelemetry
internal import BackhaulUnits
internal import Foundation
internal import GRDB
package import Logging
internal import Synchronization

/// Receives the results of one page, its partition, the offset that it was read from, and the offset after it.
package typealias ResultObserver =
    @Sendable (
        _ results: [IndexedResult], _ partition: Int, _ from: Int64, _ next: Int64
    ) -> Void

/// The status of every task at its latest generation, in SQLite. Derived from the log, and rebuilt from it when the
/// file is deleted. No decision depends on it.
///
/// Any process may bring it up to date. Each page of records is applied in one transaction with the offset after
/// it, and only if the stored offset is still the one that the page was read from.
package final class StatusView: Sendable {
    private let database: DatabasePool
    private let path: String
    private let log: any MessageLog
    private let layout: TopicLayout
    private let logger: Logger
    private let holdsTruncation: Bool
    private let commitEvery: Duration
    private let onResults: ResultObserver?
    /// Raised whenever pages are applied.
    private let watchers = Mutex<[ObjectIdentifier: Signal]>([:])
    /// Raised when a caller begins to watch.
    private let attention = Signal()
    private let commits = Histogram(
        "backhaul_view_commit_duration_seconds", "How long applying a page of records to the view took, fsync included."
    )
    private struct Looks {
        /// The number of the latest request for a read, and of the latest that a read has served.
        var asked = 0
        var covered = 0
        var isLooking = false
        var waiting: [Signal] = []
    }

    private let looks = Mutex(Looks())
    private let trouble = Mutex<String?>("the view is being built")
    /// Set when `run` begins, and cleared when the log watches all partitions for it, not only those already read.
    private let isToWatch = Atomic(false)
    /// Set once the log's stream of changes has ended.
    private let isLogClosed = Atomic(false)

    /// Opens the view's file, and creates it if it is missing or of another version.
    /// - Parameters:
    ///   - holdsTruncation: whether the log may truncate only what this view has read: on one machine, where there
    ///     is one view.
    ///   - onResults: called with the results that the view reads, so that the acknowledger does not read them
    ///     again.
    ///   - commitEvery: the interval between two commits of its offsets, which the log needs only for truncation.
    /// - Throws: `DatabaseFailure`.
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
        self.path = path
        do {
            database = try Self.open(path)
        } catch {
            throw Self.failure(error, path)
        }
    }

    private static func failure(_ error: any Error, _ path: String) -> any Error {
        DatabaseFailure.of(
            error, "the status view \(path)", folder: String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)]),
            advice: "delete it, and it is built again from the log")
    }

    /// - Throws: `DatabaseFailure` for what SQLite cannot do.
    func reading<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
        do { return try await database.read(body) } catch { throw Self.failure(error, path) }
    }

    /// - Throws: `DatabaseFailure` for what SQLite cannot do.
    func writing<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
        do { return try await database.write(body) } catch { throw Self.failure(error, path) }
    }

    private static func open(_ path: String) throws -> DatabasePool {
        var configuration = Configuration()
        configuration.busyMode = .timeout(30)
        configuration.maximumReaderCount = 4
        // Derived data: pages lost in a power cut are only applied again.
        configuration.prepareDatabase { database in
            try database.execute(sql: "PRAGMA synchronous = NORMAL")
            // A long reader lets the WAL grow; what it takes beyond this is given back.
            try database.execute(sql: "PRAGMA journal_size_limit = 16777216")
        }
        func make() throws -> DatabasePool {
            // Creates the file before SQLite does, readable by its owner only, as the log is; SQLite's other files get
            // the same mode.
            let made = Foundation.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
            if made >= 0 {
                fchmod(made, 0o600)
                var folder = stat()
                // A command of root must leave the view usable for the service whose folder it is in.
                if geteuid() == 0, stat(URL(fileURLWithPath: path).deletingLastPathComponent().path, &folder) == 0 {
                    fchown(made, folder.st_uid, folder.st_gid)
                }
                Foundation.close(made)
            }
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

    /// Why the view is not up to date; nil when the last read succeeded and nothing has failed since.
    package var obstacle: String? { trouble.withLock { $0 } }

    /// Returns once the view has read what the log held at some time after the call, or the calling task is cancelled.
    package func waitUntilBuilt() async {
        let signal = watch()
        defer { unwatch(signal) }
        while obstacle != nil, !Task.isCancelled { await signal.wait(for: .seconds(1)) }
    }

    /// Follows the log until it closes or the calling task is cancelled.
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
        /// The offsets last committed to the log; nil before the first commit.
        var told: [TopicPartition: Int64]?
        var wait = 1
        while !isLogClosed.load(ordering: .sequentiallyConsistent) {
            var rest: Duration?
            do {
                try await catchUp()
                trouble.withLock { $0 = nil }
                if holdsTruncation {
                    let positions = try await reading { database in try Self.positions(database) }
                    if positions != told {
                        // The wait below also ends after `rest`. Otherwise the log would keep the last burst until
                        // new records arrive.
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
            } catch let error as DatabaseFailure {
                // Most likely a full disk. The view is derived data, so its failure must not stop the workers.
                try await pause(&wait, error)
                continue
            }
            if let rest { await news.wait(for: rest) } else { await news.wait() }
            try Task.checkCancellation()
            // Under load every commit is a change. A short pause lets many of them be applied at the cost of one,
            // above all where they include a task and its result. A watcher, present or new, does not wait that
            // long.
            if watchers.withLock({ $0.isEmpty }) { await attention.wait(for: .milliseconds(800)) }
            try await ContinuousClock().sleep(for: .milliseconds(200))
        }
    }

    private func pause(_ seconds: inout Int, _ error: any Error) async throws {
        trouble.withLock { $0 = "the view is behind the log: \(error)" }
        logger.warning("the status view is behind the log", metadata: ["error": "\(error)", "wait_s": "\(seconds)"])
        try await ContinuousClock().sleep(for: .seconds(seconds))
        seconds = min(seconds * 2, 30)
    }

    /// Applies all records that the log holds now. One caller reads at a time. Others wait, and are satisfied by
    /// any read that started after they arrived. A cancelled caller stops waiting.
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
            // Woken by the end of a read or by a cancel. Either way, check the state again.
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

    /// The records and bytes of one partition per transaction: many, since a row is written once per transaction;
    /// few, since all are in memory at once.
    private static let pageRecords = 256
    private static let pageBytes = ByteCount(256 << 10)

    /// Reads results first: once a task has ended, its intermediate states are not needed. Their ends are read
    /// first as well, so that the task of every result and outcome is among the records that are read.
    private func look() async throws {
        var places: [(partition: TopicPartition, end: Int64)] = []
        for topic in [layout.results, layout.outcomes, layout.tasks, layout.largeTasks] {
            places += try await log.bounds(topic).map { ($0.partition, $0.end) }
        }
        if isToWatch.load(ordering: .relaxed) {
            let positions = try await reading { database in try Self.positions(database) }
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
    /// - Returns: the partitions that have more records.
    private func applyPages(_ places: [(partition: TopicPartition, end: Int64)]) async throws -> [(
        partition: TopicPartition, end: Int64
    )] {
        let positions = try await reading { database in try Self.positions(database) }
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
                let results = read.compactMap { offset, news -> IndexedResult? in
                    switch news {
                    case .result(let outcome):
                        IndexedResult(
                            task: outcome.task, offset: offset, isCancel: outcome.kind == .cancelled,
                            content: ContentMark(outcome.fingerprint))
                    case .conflict(let task, let fingerprint):
                        IndexedResult(
                            task: ConflictRecord.marker(task, fingerprint), offset: offset, isCancel: false)
                    default: nil
                    }
                }
                onResults(results, place.partition.partition, from, page.next)
            }
            pages.append((place.partition, from, page.next, read.compactMap(\.1)))
        }
        guard !pages.isEmpty else { return open }
        let start = ContinuousClock.now
        defer { commits.observe((ContinuousClock.now - start) / .seconds(1)) }
        let applied = pages
        try await writing { database in
            let positions = try Self.positions(database)
            var applier = try ViewApplier(database)
            var move = try BoundStatement(
                database, "INSERT OR REPLACE INTO positions(topic, partition, next) VALUES (?, ?, ?)")
            // Another process may have applied the page meanwhile.
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

    // MARK: Progress

    /// The offset up to which the partition's records are in the view.
    package func position(of partition: TopicPartition) async throws -> Int64 {
        try await reading { try Self.position(of: partition, $0) }
    }

    private static func position(of partition: TopicPartition, _ database: Database) throws -> Int64 {
        var statement = try BoundStatement(
            database, "SELECT next FROM positions WHERE topic = ? AND partition = ?")
        statement.bind(partition.topic)
        statement.bind(partition.partition)
        defer { statement.reset() }
        return try statement.next() ? max(0, statement.integer(0)) : 0
    }

    /// The number of offsets that the log holds and the view has not read.
    package func lag() async throws -> Int64 {
        var lag: Int64 = 0
        for topic in [layout.tasks, layout.largeTasks, layout.outcomes, layout.results] {
            for bounds in try await log.bounds(topic) {
                lag += max(0, bounds.end - max(bounds.earliest, try await position(of: bounds.partition)))
            }
        }
        return lag
    }

    /// Returns a signal that is raised whenever records are applied, until `unwatch`.
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
