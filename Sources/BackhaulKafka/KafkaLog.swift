package import BackhaulLog
package import BackhaulTelemetry
package import BackhaulUnits
internal import CLibrdkafka
internal import Foundation
package import Logging
internal import Synchronization

/// The log of a fleet: Apache Kafka through librdkafka.
///
/// One thread serves the events of all clients (`KafkaLoop`); blocking calls run on one thread for each client. A
/// client is created when it is first needed.
package final class KafkaLog: MessageLog {
    package let abilities: LogAbilities

    private struct State {
        var partitions: [String: Int] = [:]
        var sessions: [ObjectIdentifier: KafkaSession] = [:]
        var isClosed = false
    }

    private let options: KafkaOptions
    let upkeep: [TopicSpecification]
    /// The specification of a topic that is no longer configured but may still hold records; nil for any other.
    let retired: @Sendable (String) -> TopicSpecification?
    let clock: any LogClock
    private let clients: KafkaClients
    let reader: KafkaReader
    /// For scans. It fetches far ahead. A scan that has read to the end leaves an empty queue; closing a partition
    /// takes half a second.
    let scanner: KafkaReader
    private let appender: KafkaAppender
    let queryClient: KafkaQueryClient
    private let uncommittedQueryClient: KafkaQueryClient
    private let failPoint: @Sendable (String) throws -> Void
    private let creator: (@Sendable ([TopicSpecification]) async throws -> Void)?
    private let state = Mutex(State())

    /// The last statistics of each client; empty unless `statistics.interval.ms` is set.
    package var clientStatistics: [String: KafkaStatistics.Client] { clients.statistics.clients }

    /// Rebalances, transactions and the duration of settlements.
    package var families: [MetricFamily] { clients.meters.families }

    /// The version of librdkafka, as it reports it.
    package static var libraryVersion: String { String(cString: rd_kafka_version_str()) }

    /// - Parameters:
    ///   - topics: the retention and the readers of each topic that `maintain` truncates.
    ///   - creator: creates topics instead of the admin API, for brokers without one (librdkafka's mock).
    ///   - failPoint: called at named steps of a settlement; a test makes it throw.
    /// - Throws: `LogError.unsupported` for a librdkafka with known defects, `misconfigured`.
    package init(
        options: KafkaOptions, topics: [TopicSpecification] = [],
        retired: @escaping @Sendable (String) -> TopicSpecification? = { _ in nil }, clock: any LogClock,
        logger: Logger,
        creator: (@Sendable ([TopicSpecification]) async throws -> Void)? = nil,
        failPoint: @escaping @Sendable (String) throws -> Void = { _ in }
    ) throws {
        try Self.checkVersion(rd_kafka_version())
        self.options = options
        self.upkeep = topics
        self.retired = retired
        self.clock = clock
        self.creator = creator
        self.failPoint = failPoint
        abilities = options.delivery == .transactional ? [.atomicSettle] : []
        clients = KafkaClients(
            loop: try KafkaLoop(name: "backhaul.kafka"), options: options, statistics: KafkaStatistics(),
            live: LiveClients(), meters: KafkaMeters(), logger: logger)
        let committed = KafkaQueryClient(clients, sees: .committed)
        queryClient = committed
        reader = KafkaReader(
            clients, .reader, queryClient: committed, openPartitions: options.openPartitions)
        scanner = KafkaReader(clients, .scanner, queryClient: committed, openPartitions: 64)
        uncommittedQueryClient = KafkaQueryClient(clients, sees: .uncommitted)
        appender = KafkaAppender(name: "append", clients: clients)
        clients.loop.start()
    }

    /// Makes all clients use this user and password (SASL PLAIN and SCRAM) for new connections; open ones stay.
    /// - Throws: `LogError`.
    package func replaceCredentials(user: String, password: String) throws {
        do {
            try clients.live.replaceCredentials(user: user, password: password)
        } catch let failure as KafkaError {
            throw failure.logError("setting the password")
        }
    }

    /// The number of clients that receive new credentials.
    var liveClients: Int { clients.live.count }

    /// The number of partitions that the readers have open.
    var openPartitions: Int { get async { await reader.openCount + scanner.openCount } }

    /// - Parameter version: as `rd_kafka_version()` returns it, 0xMMmmrrpp.
    /// - Throws: `LogError.unsupported`.
    package static func checkVersion(_ version: Int32) throws {
        let number = version >> 8
        guard number >= 0x020002 else {
            throw LogError.unsupported("librdkafka \(libraryVersion) is older than 2.0.2; install a newer one")
        }
        // 2.1.0 does not count polls of the consumer's queue for max.poll.interval.ms, so live members are evicted.
        guard number != 0x020100 else {
            throw LogError.unsupported("librdkafka 2.1.0 is known to evict live members; install 2.1.1 or newer")
        }
    }

    // MARK: Topics

    package func ensure(_ topics: [TopicSpecification]) async throws {
        let found = try await partitionCounts()
        for topic in topics {
            guard let count = found[topic.name], count != topic.partitions else { continue }
            throw LogError.topicMismatch(
                topic: topic.name, problem: "has \(count) partitions, not \(topic.partitions)")
        }
        let missing = topics.filter { found[$0.name] == nil }
        if !missing.isEmpty {
            if let creator {
                try await creator(missing)
            } else {
                try await admin().create(
                    missing.map { DesiredTopic($0, replication: -1, isFixed: false) })
            }
            try await waitForTopics(missing.map(\.name))
        }
        for topic in topics {
            guard case .untilRead(let readers, _) = topic.retention else { continue }
            for reader in readers {
                let partitions = (0..<topic.partitions).map { TopicPartition(topic: topic.name, partition: $0) }
                let stands = try await admin().positions(of: reader, in: partitions)
                let new = partitions.filter { stands[$0] == nil }
                let first = try await self.queryClient.edges(new, .earliest)
                try await admin().setPositions(first.mapValues { GroupPosition(frontier: $0) }, of: reader)
            }
        }
    }

    package func topics() async throws -> [TopicSpecification] {
        let counts = try await partitionCounts()
        let names = counts.keys.filter { $0.hasPrefix(options.prefix) }.sorted()
        // The mock brokers of the tests have no topic configuration.
        let configurations = creator == nil && !names.isEmpty ? try await admin().configuration(of: names) : [:]
        return names.map { name in
            let values = configurations[name]?.values ?? [:]
            let age = values["retention.ms"].flatMap(Int64.init) ?? -1
            let retention: Retention =
                values["cleanup.policy"] == "compact"
                ? .compact : age < 0 ? .untilRead(by: [], atLeast: .zero) : .age(.milliseconds(age))
            return TopicSpecification(name: name, partitions: counts[name] ?? 0, retention: retention)
        }
    }

    /// Queries the partition count of every topic, and caches it.
    func partitionCounts() async throws -> [String: Int] {
        let counts = try await admin().topics().mapValues(\.partitions)
        state.withLock { $0.partitions = counts }
        return counts
    }

    /// Waits until the metadata list the topics.
    func waitForTopics(_ names: [String]) async throws {
        let deadline = ContinuousClock.now + options.requestTimeout
        while true {
            let counts = try await partitionCounts()
            if names.allSatisfy({ counts[$0] != nil }) { return }
            guard ContinuousClock.now < deadline else {
                throw LogError.unavailable("the new topics have not appeared; run 'backhaul topics check' later")
            }
            // No event reports that the brokers know a topic.
            try await Task.sleep(for: .milliseconds(100))
        }
    }

    func admin() async throws -> KafkaAdmin {
        KafkaAdmin(handle: try await uncommittedQueryClient.readyHandle(), timeout: options.requestMilliseconds)
    }

    // MARK: Records

    package func append(_ requests: [AppendRequest]) async throws -> [AppendOutcome] {
        guard !requests.isEmpty else { return [] }
        for request in requests where request.record.size > options.maximumRecordSize {
            throw LogError.recordTooLarge(size: request.record.size, limit: options.maximumRecordSize)
        }
        let known = state.withLock { $0.partitions }
        if !requests.allSatisfy({ known[$0.topic] != nil }) { _ = try await partitionCounts() }
        let positions = try await appender.append(try targets(of: requests))
        await reader.tellChange()
        return positions.map { .appended($0) }
    }

    /// The partition and the record of each request.
    /// - Throws: `LogError.unknownTopic`, `unknownPartition`.
    func targets(of requests: [AppendRequest]) throws -> [(TopicPartition, LogRecord)] {
        let counts = state.withLock { $0.partitions }
        return try requests.map { request in
            guard let count = counts[request.topic] else { throw LogError.unknownTopic(request.topic) }
            let number =
                switch request.partitioning {
                case .hash(let key): Partitioner.partition(of: key, among: count)
                case .partition(let number): number
                }
            let partition = TopicPartition(topic: request.topic, partition: number)
            guard (0..<count).contains(number) else { throw LogError.unknownPartition(partition) }
            return (partition, request.record)
        }
    }

    package func read(
        _ partition: TopicPartition, from offset: Int64, records: Int, bytes: ByteCount
    ) async throws -> ReadPage {
        guard try await partitions(of: partition.topic).contains(partition) else {
            throw LogError.unknownPartition(partition)
        }
        return try await reader.read(partition, from: offset, records: records, bytes: bytes)
    }

    package func readAhead(
        _ partition: TopicPartition, from offset: Int64, records: Int, bytes: ByteCount
    ) async throws -> ReadPage {
        guard try await partitions(of: partition.topic).contains(partition) else {
            throw LogError.unknownPartition(partition)
        }
        // What it reports to `changes` is what has come since it was read last.
        if await reader.isOpen(partition) {
            return try await reader.read(partition, from: offset, records: records, bytes: bytes)
        }
        return try await scanner.read(partition, from: offset, records: records, bytes: bytes)
    }

    package func tail(
        _ partition: TopicPartition, from offset: Int64, records: Int, bytes: ByteCount
    ) async throws -> ReadPage {
        guard try await partitions(of: partition.topic).contains(partition) else {
            throw LogError.unknownPartition(partition)
        }
        return try await reader.tail(partition, from: offset, records: records, bytes: bytes)
    }

    package func watch(_ cursors: [TopicPartition: Int64]) async throws { try await reader.watch(cursors) }

    package func bounds(_ topic: String) async throws -> [PartitionBounds] {
        let partitions = try await partitions(of: topic)
        // The end first: a truncation between the two queries must not put the end before the beginning.
        let ends = try await queryClient.edges(partitions, .end)
        let first = try await queryClient.edges(partitions, .earliest)
        return partitions.map { partition in
            let earliest = first[partition] ?? 0
            return PartitionBounds(
                partition: partition, earliest: earliest, end: max(earliest, ends[partition] ?? earliest))
        }
    }

    private func partitions(of topic: String) async throws -> [TopicPartition] {
        var count = state.withLock { $0.partitions[topic] }
        if count == nil { count = try await partitionCounts()[topic] }
        guard let count else { throw LogError.unknownTopic(topic) }
        return (0..<count).map { TopicPartition(topic: topic, partition: $0) }
    }

    /// The first offset that each partition still has.
    func earliest(_ partitions: [TopicPartition]) async throws -> [TopicPartition: Int64] {
        try await queryClient.edges(partitions, .earliest)
    }

    /// The offset after the last record of each partition.
    func end(of partitions: [TopicPartition]) async throws -> [TopicPartition: Int64] {
        try await queryClient.edges(partitions, .end)
    }

    package func decided(_ partition: TopicPartition) async throws -> Int64 {
        // The end of everything written, decided or not; then waits until the end of committed records reaches it.
        let written = try await uncommittedQueryClient.edges([partition], .end)[partition] ?? 0
        var complaint = ContinuousClock.now + .seconds(30)
        while try await queryClient.edges([partition], .end)[partition] ?? 0 < written {
            // The next owner of its partitions, or its time-out, ends a transaction that a dead process left open; no
            // event reports that. The operator must end one that hangs because of a broker defect (KIP-664): a reader
            // that goes on would miss its records.
            try await Task.sleep(for: .milliseconds(100))
            if ContinuousClock.now > complaint {
                complaint = ContinuousClock.now + .seconds(30)
                clients.logger.warning(
                    "a transaction stays open; if no program uses it, end it: kafka-transactions.sh find-hanging",
                    metadata: ["partition": "\(partition)", "end": "\(written)"])
            }
        }
        return written
    }

    package func changes() async -> AsyncStream<Void> { await reader.changes() }

    // MARK: Groups

    package func openSession(_ subscriptions: [Subscription]) async throws -> any LogSession {
        let counts = try await partitionCounts()
        for subscription in subscriptions where counts[subscription.topic] == nil {
            throw LogError.unknownTopic(subscription.topic)
        }
        let session = KafkaSession(
            log: self, clients: clients, subscriptions: subscriptions, clock: clock)
        let isClosed = state.withLock { state in
            if !state.isClosed { state.sessions[ObjectIdentifier(session)] = session }
            return state.isClosed
        }
        guard !isClosed else { throw LogError.closed }
        do {
            try await session.open(committer(for: session, of: subscriptions))
        } catch {
            await session.close()
            throw error
        }
        return session
    }

    private func committer(for session: KafkaSession, of subscriptions: [Subscription]) -> any Committer {
        // Named by its groups, so that the statistics of two sessions stay separate.
        let name = "settle." + Set(subscriptions.map(\.group)).sorted().joined(separator: "+")
        return switch options.delivery {
        case .transactional:
            TransactionalCommitter(
                name: name,
                transactionalID: transactionalPrefix(of: options.clientName) + UUID().uuidString.lowercased(),
                clients: clients, failPoint: failPoint)
        case .atLeastOnce:
            AtLeastOnceCommitter(
                appender: KafkaAppender(name: name, clients: clients), loop: clients.loop, failPoint: failPoint
            ) { [weak session] group in await session?.handle(of: group) }
        }
    }

    /// A writer whose batches are transactions.
    /// - Parameter name: the same in every life of what writes; no two writers of a name can write at a time.
    package func exclusiveWriter(_ name: String) -> any ExclusiveWriter {
        KafkaExclusiveWriter(
            log: self,
            committer: TransactionalCommitter(
                name: "write." + name, transactionalID: transactionalPrefix + name, clients: clients,
                failPoint: failPoint))
    }

    /// The cluster's id, which it has for life.
    package func clusterID() async throws -> String { try await admin().clusterID() }

    /// The prefix of the transactional ids of all processes on these topics; client names begin with `backhaul-`.
    var transactionalPrefix: String { options.prefix + "backhaul-" }

    /// The prefix of the transactional ids of one process.
    func transactionalPrefix(of client: String) -> String { "\(options.prefix)\(client)-" }

    func forget(_ session: KafkaSession) {
        state.withLock { $0.sessions[ObjectIdentifier(session)] = nil }
    }

    package func positions(of group: String) async throws -> [TopicPartition: GroupPosition] {
        let counts = try await partitionCounts()
        let partitions = counts.filter { $0.key.hasPrefix(options.prefix) }.flatMap { name, count in
            (0..<count).map { TopicPartition(topic: name, partition: $0) }
        }
        return try await admin().positions(of: group, in: partitions.sorted())
    }

    package func commit(_ positions: [TopicPartition: GroupPosition], of group: String) async throws {
        try await admin().setPositions(positions, of: group)
    }

    // MARK: Close

    package func close() async { await end { await $0.close() } }

    /// Ends as a killed process does: leaves no group and notifies no broker.
    package func abandon() async { await end { await $0.abandon() } }

    private func end(_ body: @escaping @Sendable (KafkaSession) async -> Void) async {
        let (sessions, wasClosed) = state.withLock { state in
            let all = (Array(state.sessions.values), state.isClosed)
            state.isClosed = true
            return all
        }
        guard !wasClosed else { return }
        await withTaskGroup(of: Void.self) { group in
            for session in sessions { group.addTask { await body(session) } }
        }
        // Together, since each may wait for a broker that is dead.
        async let appended: Void = appender.close()
        async let read: Void = reader.close()
        async let scanned: Void = scanner.close()
        async let queried: Void = queryClient.close()
        await uncommittedQueryClient.close()
        _ = await (appended, read, scanned, queried)
        clients.loop.stop()
    }
}
