package import BackhaulLog
internal import BackhaulSQLite
package import BackhaulTelemetry
package import BackhaulUnits
internal import Foundation
internal import GRDB
package import Logging
internal import Synchronization

/// The log of one machine: SQLite in WAL mode in a data folder.
///
/// The process that opens it with `owns` runs the roles; any other process on the machine may append and read at the
/// same time, with or without an owner. Groups live in the owner's process; positions live in the store.
package final class EmbeddedLog: MessageLog {
    package let abilities: LogAbilities = [.refusesKnownIdentity, .atomicSettle, .maintainsItself]

    private struct State {
        var catalog = Catalog()
        /// The end of each partition, by its row id, as far as this process knows.
        var ends: [Int64: Int64] = [:]
        var groups: [String: GroupCoordinator] = [:]
        var sessions: [Int: EmbeddedSession] = [:]
        var watchers: [Int: AsyncStream<Void>.Continuation] = [:]
        var nextID = 0
        var isClosed = false
        /// The number of calls that use the store's connections.
        var inFlight = 0
    }

    /// Who holds the lock of the store: set once a commit has waited for two seconds, until one succeeds.
    private final class Stall: Sendable {
        let holder = Mutex<String?>(nil)
    }

    private let idle = Signal()
    private let stall = Stall()

    /// The absolute, resolved path of the data folder.
    package let folder: String
    /// The clock of the log; records carry its time.
    package let clock: any LogClock
    /// nil when a test passes a clock.
    let time: LogTimeClock?
    let commits: CommitQueue
    let store: Store
    let options: EmbeddedOptions
    let logger: Logger
    private let lock: FolderLock?
    private let wakeFile = Mutex<WakeFile?>(nil)
    private let state = Mutex(State())

    private let commitMeter = Histogram(
        "backhaul_log_commit_duration_seconds", "How long the embedded log's commits took, fsync included.")

    /// Commit durations and the clock's jump.
    package var families: [MetricFamily] {
        [
            commitMeter.family,
            MetricFamily(
                "backhaul_log_clock_jump_seconds",
                "Seconds by which the machine's clock has jumped, by the log's own time; 0 when it has not.",
                .gauge, [MetricFamily.Sample(clockState.jump.inSeconds)]),
        ]
    }

    /// A condition that operators should know about although the log works; nil without one.
    package var remark: String? {
        let jump = clockState.jump
        return jump == .zero
            ? nil
            : "the machine's clock has jumped by \(jump.components.seconds) s; 'backhaul clock' shows and settles it"
    }

    /// Why nothing can be written now; nil when the last commit succeeded.
    package var obstacle: String? {
        stall.holder.withLock { holder in
            holder.map { "\($0) holds the lock of the log: nothing can be written until it is continued or ended" }
        }
    }

    /// Opens the folder; creates it and the store when they are missing.
    /// - Parameters:
    ///   - clock: the clock of the log; nil for its own, which continues from the time in the store.
    ///   - onStall: told who holds the lock of the store, once for each wait longer than two seconds; nil to log it.
    /// - Throws: `LogError.inUse`, `unusable`, `newerFormat`, `damaged`, `outOfSpace`.
    package init(
        folder path: String, options: EmbeddedOptions, clock given: (any LogClock)? = nil, logger: Logger,
        onStall: (@Sendable (_ holder: String) -> Void)? = nil
    ) throws {
        self.options = options
        self.logger = logger
        folder = try Self.prepare(path)
        lock = options.owns ? try FolderLock(folder: folder) : nil
        let stall = stall
        store = try Store(folder: folder, options: options) { holder in
            stall.holder.withLock { $0 = holder }
            if let onStall { return onStall(holder) }
            logger.warning(
                "another process holds the log's lock: nothing can be written until it is continued or ended",
                metadata: ["holder": "\(holder)"])
        }
        if options.owns, !options.migrates { try Self.requireStaying(store) }
        commits = CommitQueue(writer: store.pool, meter: commitMeter)
        if let given {
            time = nil
            clock = given
        } else {
            let own = LogTimeClock(try Self.resume(store, largestGap: options.largestGap, logger))
            time = own
            clock = own
        }
        try refreshWaiting(reloadingCatalog: true)
        let wake = try WakeFile(folder: folder) { [weak self] in self?.woken() }
        wakeFile.withLock { $0 = wake }
    }

    private static func prepare(_ path: String) throws -> String {
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw LogError.unusable(folder: path, reason: "it cannot be created: \(String(cString: strerror(errno)))")
        }
        guard let resolved = realpath(path, nil) else {
            throw LogError.unusable(folder: path, reason: String(cString: strerror(errno)))
        }
        defer { free(resolved) }
        let folder = String(cString: resolved)
        try FileSystemCheck().requireLocal(folder)
        guard access(folder, W_OK | X_OK) == 0 else {
            throw LogError.unusable(folder: folder, reason: "no permission to write there; choose another folder")
        }
        var status = stat()
        guard stat(folder, &status) != 0 || status.st_mode & 0o002 == 0 else {
            throw LogError.unusable(
                folder: folder,
                reason: "every user may write there, and so submit, change and delete tasks; run 'chmod o-w \(folder)'")
        }
        return folder
    }

    // MARK: The port

    package func ensure(_ topics: [TopicSpecification]) async throws {
        try await commit { database in try self.store.ensure(topics, database) }
        try await refresh()
    }

    package func topics() async throws -> [TopicSpecification] {
        try await refresh()
        return state.withLock { $0.catalog.topics.values.map(\.specification).sorted { $0.name < $1.name } }
    }

    package func append(_ requests: [AppendRequest]) async throws -> [AppendOutcome] {
        guard !requests.isEmpty else { return [] }
        try check(requests, limit: options.maximumRecordSize)
        let catalog = try await catalog(for: requests.map(\.topic))
        let (outcomes, ends) = try await commit { database in
            var ends: [Int64: Int64] = [:]
            let outcomes = try self.store.append(
                requests, at: self.clock.now, catalog: catalog, ends: &ends, database)
            return (outcomes, ends)
        }
        publish(ends)
        return outcomes
    }

    package func openSession(_ subscriptions: [Subscription]) async throws -> any LogSession {
        guard options.owns else {
            throw LogError.unusable(folder: folder, reason: "only the process that owns the folder may join groups")
        }
        let catalog = try await catalog(for: subscriptions.map(\.topic))
        let session = state.withLock { state in
            state.nextID += 1
            let session = EmbeddedSession(log: self, member: state.nextID, subscriptions: subscriptions)
            state.sessions[state.nextID] = session
            for group in Set(subscriptions.map(\.group)).sorted() {
                let topics = Set(subscriptions.filter { $0.group == group }.map(\.topic))
                let partitions = topics.flatMap { topic in
                    (0..<(catalog.topics[topic]?.partitions.count ?? 0)).map {
                        TopicPartition(topic: topic, partition: $0)
                    }
                }
                var coordinator = state.groups[group] ?? GroupCoordinator(partitions: partitions)
                let actions = coordinator.join(state.nextID)
                state.groups[group] = coordinator
                Self.tell(actions, of: group, state)
            }
            return session
        }
        return session
    }

    package func read(
        _ partition: TopicPartition, from offset: Int64, records: Int, bytes: ByteCount
    ) async throws -> ReadPage {
        try await page(partition, from: offset, records: records, bytes: bytes).page
    }

    package func tail(
        _ partition: TopicPartition, from offset: Int64, records: Int, bytes: ByteCount
    ) async throws -> ReadPage {
        // Records that this process does not know of yet are reported as a change later.
        let end = end(of: partition)
        guard offset < end else { return ReadPage(records: [], next: offset, end: offset) }
        return try await read(partition, from: offset, records: records, bytes: bytes)
    }

    package func bounds(_ topic: String) async throws -> [PartitionBounds] {
        let ids = try await catalog(for: [topic]).topic(topic).partitions
        return try await read { database in
            var row = try BoundStatement(database, "SELECT earliest, next FROM partitions WHERE id = ?")
            return try ids.enumerated().map { number, id in
                row.bind(id)
                defer { row.reset() }
                let isThere = try row.next()
                return PartitionBounds(
                    partition: TopicPartition(topic: topic, partition: number), earliest: isThere ? row.integer(0) : 0,
                    end: isThere ? row.integer(1) : 0)
            }
        }
    }

    package func positions(of group: String) async throws -> [TopicPartition: GroupPosition] {
        let catalog = state.withLock { $0.catalog }
        return try await read { database in
            try self.store.positions(of: group, catalog: catalog, database)
        }
    }

    package func commit(_ positions: [TopicPartition: GroupPosition], of group: String) async throws {
        let catalog = try await catalog(for: positions.keys.map(\.topic))
        try await commit { database in
            for (partition, position) in positions {
                try self.store.write(position, of: group, partition: try catalog.id(of: partition), database)
            }
        }
    }

    package func changes() async -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let id = state.withLock { state -> Int? in
            guard !state.isClosed else { return nil }
            state.nextID += 1
            state.watchers[state.nextID] = continuation
            return state.nextID
        }
        guard let id else {
            continuation.finish()
            return stream
        }
        continuation.onTermination = { [weak self] _ in
            self?.state.withLock { $0.watchers[id] = nil }
        }
        return stream
    }

    package func maintain() async throws {
        try await refresh()
        if let time { try await keep(time) }
        let catalog = state.withLock { $0.catalog }
        // A topic before those that answer it, so that one run removes records and their answers.
        let topics = catalog.topics.values.sorted {
            ($0.specification.answers.count, $0.specification.name) < (
                $1.specification.answers.count, $1.specification.name
            )
        }
        for topic in topics {
            let answered = topic.specification.answers.flatMap { catalog.topics[$0]?.partitions ?? [] }
            for id in topic.partitions {
                let upkeep = Upkeep(
                    partition: id, retention: topic.specification.retention, answered: answered, now: clock.now)
                // Checks with a read connection, so that a log without old records writes nothing and blocks no commit.
                guard try await read({ try upkeep.isDue($0) }) else { continue }
                try await upkeep.run { operation in try await self.commit(operation) }
            }
        }
    }

    package func close() async {
        let (sessions, watchers) = state.withLock { state in
            state.isClosed = true
            let all = (Array(state.sessions.values), Array(state.watchers.values))
            state.watchers = [:]
            return all
        }
        for session in sessions { await session.close() }
        for watcher in watchers { watcher.finish() }
        let wake = wakeFile.withLock { file in
            let wake = file
            file = nil
            return wake
        }
        wake?.close()
        // A connection must not be closed while a statement runs on it: waits for calls that entered before `isClosed`;
        // later calls throw.
        while state.withLock({ $0.inFlight > 0 }) { await idle.waitThrough() }
        do {
            try store.pool.close()
        } catch {
            logger.warning("closing the log's store failed", metadata: ["error": "\(error)"])
        }
    }

    // MARK: For sessions

    /// A page and the partition's earliest offset.
    func page(
        _ partition: TopicPartition, from offset: Int64, records: Int, bytes: ByteCount
    ) async throws -> (page: ReadPage, earliest: Int64) {
        let catalog = try await catalog(for: [partition.topic])
        return try await read { database in
            try self.store.read(
                partition, from: offset, records: records, bytes: bytes, catalog: catalog, database)
        }
    }

    /// Logs a position that this program did not write.
    func report(unreadable position: GroupPosition, of group: String, in partition: TopicPartition) {
        logger.warning(
            "the group's position is unreadable: records that were finished beyond it are delivered again",
            metadata: ["group": "\(group)", "partition": "\(partition)", "frontier": "\(position.frontier)"])
    }

    /// The end of the partition as far as this process knows.
    func end(of partition: TopicPartition) -> Int64 {
        state.withLock { state in
            (try? state.catalog.id(of: partition)).flatMap { state.ends[$0] } ?? 0
        }
    }

    /// Appends and moves positions in one transaction.
    func settle(_ requests: [AppendRequest], _ moves: [(group: String, TopicPartition, GroupPosition)]) async throws {
        // Every record that was appended must fit in a settlement: a dead letter is its record with more headers.
        try check(requests, limit: options.maximumRecordSize + options.maximumRecordSize)
        let catalog = try await catalog(for: requests.map(\.topic))
        let ends = try await commit { database in
            var ends: [Int64: Int64] = [:]
            _ = try self.store.append(requests, at: self.clock.now, catalog: catalog, ends: &ends, database)
            for (group, partition, position) in moves {
                try self.store.write(position, of: group, partition: try catalog.id(of: partition), database)
                try self.store.failPoint("moved")
            }
            return ends
        }
        publish(ends)
    }

    func release(_ member: Int, group: String, _ partitions: [TopicPartition]) {
        state.withLock { state in
            guard var coordinator = state.groups[group] else { return }
            let actions = coordinator.release(member, partitions)
            state.groups[group] = coordinator
            Self.tell(actions, of: group, state)
        }
    }

    func leave(_ member: Int, groups: Set<String>) {
        state.withLock { state in
            state.sessions[member] = nil
            for group in groups {
                guard var coordinator = state.groups[group] else { continue }
                let actions = coordinator.leave(member)
                state.groups[group] = coordinator.isEmpty ? nil : coordinator
                Self.tell(actions, of: group, state)
            }
        }
    }

    /// Puts the events into the sessions' inboxes only: no code of a session runs under this lock.
    private static func tell(_ actions: [GroupCoordinator.Action], of group: String, _ state: State) {
        for action in actions {
            switch action {
            case .assign(let member, let partitions): state.sessions[member]?.notify(.assign(group, partitions))
            case .revoke(let member, let partitions): state.sessions[member]?.notify(.revoke(group, partitions))
            }
        }
    }

    // MARK: The store and changes

    private func check(_ requests: [AppendRequest], limit: ByteCount) throws {
        for request in requests where request.record.size > limit {
            throw LogError.recordTooLarge(size: request.record.size, limit: limit)
        }
    }

    /// The catalog with these topics; reloaded when one is missing, since another process may have created it.
    /// - Throws: `LogError.unknownTopic`.
    private func catalog(for topics: [String]) async throws -> Catalog {
        let known = state.withLock { $0.catalog }
        if topics.allSatisfy({ known.topics[$0] != nil }) { return known }
        try await refresh()
        let fresh = state.withLock { $0.catalog }
        for topic in topics { _ = try fresh.topic(topic) }
        return fresh
    }

    func commit<Value: Sendable>(_ operation: @escaping CommitQueue.Operation<Value>) async throws -> Value {
        try enter()
        defer { leave() }
        do {
            let value = try await commits.commit(operation)
            stall.holder.withLock { $0 = nil }
            return value
        } catch {
            throw Store.translate(error, folder: folder)
        }
    }

    func read<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
        try enter()
        defer { leave() }
        do {
            return try await store.pool.read(body)
        } catch {
            throw Store.translate(error, folder: folder)
        }
    }

    /// Publishes a commit of this process: wakes the sessions and watchers here, and other processes by the wake file.
    private func publish(_ ends: [Int64: Int64]) {
        guard !ends.isEmpty else { return }
        advance(ends)
        wakeFile.withLock { $0?.wake() }
    }

    private func advance(_ ends: [Int64: Int64]) {
        let (sessions, watchers) = state.withLock { state in
            var moved = false
            for (partition, end) in ends where end > state.ends[partition, default: -1] {
                state.ends[partition] = end
                moved = true
            }
            return moved ? (Array(state.sessions.values), Array(state.watchers.values)) : ([], [])
        }
        for session in sessions { session.signal.raise() }
        for watcher in watchers { watcher.yield() }
    }

    private func enter() throws {
        try state.withLock { state in
            guard !state.isClosed else { throw LogError.closed }
            state.inFlight += 1
        }
    }

    private func leave() {
        let isIdle = state.withLock { state in
            state.inFlight -= 1
            return state.inFlight == 0
        }
        if isIdle { idle.raise() }
    }

    /// Reloads what other processes may have changed: the topics and the ends.
    private func refresh() async throws {
        let (catalog, ends) = try await read { [store] database in
            (try store.loadCatalog(database), try store.ends(database))
        }
        state.withLock { $0.catalog = catalog }
        advance(ends)
    }

    /// As `refresh`, on a thread that may block. Never on a thread of the concurrency runtime: it has as many as cores,
    /// and when all of them wait for a read connection, the tasks that have one cannot continue and return it.
    private func refreshWaiting(reloadingCatalog: Bool) throws {
        try enter()
        defer { leave() }
        do {
            let (catalog, ends) = try store.pool.read { database in
                (reloadingCatalog ? try store.loadCatalog(database) : nil, try store.ends(database))
            }
            if let catalog { state.withLock { $0.catalog = catalog } }
            advance(ends)
        } catch {
            throw Store.translate(error, folder: folder)
        }
    }

    private func woken() {
        do {
            try refreshWaiting(reloadingCatalog: false)
        } catch LogError.closed {
            return
        } catch {
            logger.error("the log's store cannot be read", metadata: ["error": "\(error)"])
        }
    }
}
