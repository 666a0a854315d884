import BackhaulLog
import BackhaulTestKit
import BackhaulUnits
import Foundation
import Logging
import Testing

@testable import BackhaulKafka

@Suite("Kafka clients and open partitions (mock brokers)", .serialized)
struct ReaderLimitTests {
    private func log(
        _ mock: MockCluster, openPartitions: Int = 2_304, requestTimeout: Int = 20_000
    ) throws -> KafkaLog {
        var options = KafkaOptions(
            bootstrap: mock.bootstrap, delivery: .atLeastOnce, prefix: "r.", clientName: "reader",
            requestTimeout: .milliseconds(requestTimeout))
        options.openPartitions = openPartitions
        return try KafkaLog(
            options: options, clock: SystemLogClock(), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            creator: { mock.create($0) })
    }

    /// Two partitions may be open. 1. Readers A and B read partitions a and b and wait for the brokers. 2. Reader C
    /// opens c. It must not close a or b: their readers would find them closed and take that for the end of the log.
    @Test(.timeLimit(.minutes(10)), arguments: [1, 2, 5])
    func readersShareOpenPartitionLimit(openPartitions: Int) async throws {
        let mock = try MockCluster()
        let log = try log(mock, openPartitions: openPartitions)
        let partitions = 6
        let each = 60
        try await log.ensure([
            TopicSpecification(name: "r.t", partitions: partitions, retention: .age(.milliseconds(1 << 40)))
        ])
        _ = try await log.append(
            (0..<partitions * each).map {
                AppendRequest(
                    topic: "r.t", partitioning: .partition($0 % partitions),
                    record: LogRecord(value: Array("\($0)".utf8)))
            })
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<partitions {
                group.addTask {
                    var read: [String] = []
                    var next: Int64 = 0
                    while read.count < each {
                        let page = try await log.read(
                            TopicPartition(topic: "r.t", partition: number), from: next, records: 20,
                            bytes: ByteCount(1 << 20))
                        #expect(!page.records.isEmpty, "nothing at \(next) of \(each)")
                        read += page.records.map { String(decoding: $0.record.value ?? [], as: UTF8.self) }
                        next = page.next
                    }
                    #expect(read == (0..<each).map { "\($0 * partitions + number)" })
                }
            }
            try await group.waitForAll()
        }
        await log.close()
    }

    /// The second maintenance after the last read closes a partition, and the next read opens it again. With a
    /// watcher it stays open.
    @Test(.timeLimit(.minutes(10)))
    func maintenanceClosesUnreadPartitions() async throws {
        let mock = try MockCluster()
        let log = try log(mock)
        try await log.ensure([TopicSpecification(name: "r.t", partitions: 4, retention: .age(.milliseconds(1 << 40)))])
        func append(_ count: Int) async throws {
            _ = try await log.append(
                (0..<count * 4).map {
                    AppendRequest(topic: "r.t", partitioning: .partition($0 % 4), record: LogRecord(value: [1]))
                })
        }
        func readAll(expecting count: Int) async throws {
            for number in 0..<4 {
                var found = 0
                try await log.scan(TopicPartition(topic: "r.t", partition: number)) { found += $0.count }
                #expect(found == count)
            }
        }
        try await append(5)
        try await readAll(expecting: 5)
        try await log.maintain()
        #expect(await log.openPartitions == 4)
        try await readAll(expecting: 5)
        try await log.maintain()
        #expect(await log.openPartitions == 4)
        try await log.maintain()
        #expect(await log.openPartitions == 0)
        try await append(2)
        var changes = await log.changes().makeAsyncIterator()
        try await log.watch(
            Dictionary(uniqueKeysWithValues: (0..<4).map { (TopicPartition(topic: "r.t", partition: $0), 5) }))
        try await readAll(expecting: 7)
        for _ in 0..<2 { try await log.maintain() }
        #expect(await log.openPartitions == 4)
        try await append(1)
        #expect(await changes.next() != nil)
        await log.close()
    }

    /// Queries that wait for one another fail together when the brokers are unavailable; one after another they
    /// would take forty timeouts.
    @Test(.timeLimit(.minutes(10)))
    func queriesFailTogetherWithoutBrokers() async throws {
        let mock = try MockCluster()
        let log = try log(mock, requestTimeout: 2_000)
        try await log.ensure([TopicSpecification(name: "r.t", partitions: 4, retention: .age(.milliseconds(1 << 40)))])
        #expect(try await log.bounds("r.t").count == 4)
        mock.setBrokers(up: false)
        let start = ContinuousClock.now
        let failed = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<40 {
                group.addTask { (try? await log.bounds("r.t")) == nil }
            }
            return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(failed == 40)
        #expect(ContinuousClock.now - start < .seconds(40))
        mock.setBrokers(up: true)
        // librdkafka may take longer to reconnect than one query waits.
        try await within(300, "an answer") {
            while (try? await log.bounds("r.t"))?.count != 4 { try Task.checkCancellation() }
        }
        await log.close()
    }

    /// Watched partitions are empty and have no reader; an append by another process, even to the last one, is
    /// signalled.
    @Test(.timeLimit(.minutes(10)))
    func watchSignalsAppendsToEmptyPartitions() async throws {
        let mock = try MockCluster()
        let (log, other) = (try log(mock), try log(mock))
        try await log.ensure([TopicSpecification(name: "r.t", partitions: 64, retention: .age(.milliseconds(1 << 40)))])
        var changes = await log.changes().makeAsyncIterator()
        try await log.watch(
            Dictionary(uniqueKeysWithValues: (0..<64).map { (TopicPartition(topic: "r.t", partition: $0), 0) }))
        #expect(await log.openPartitions == 64)
        for number in [63, 0] {
            _ = try await other.append([
                AppendRequest(topic: "r.t", partitioning: .partition(number), record: LogRecord(value: [1]))
            ])
            let partition = TopicPartition(topic: "r.t", partition: number)
            while try await log.tail(partition, from: 0, records: 1, bytes: 1_000).records.isEmpty {
                #expect(await changes.next() != nil)
            }
        }
        await other.close()
        await log.close()
    }

    /// Readers repeatedly read the same partitions from the beginning while maintenance closes them and only two
    /// may be open. Each reader finds every record.
    @Test(.timeLimit(.minutes(10)))
    func maintenanceDuringReadsLosesNoRecord() async throws {
        let mock = try MockCluster()
        let log = try log(mock, openPartitions: 2)
        let partitions = 4
        try await log.ensure([
            TopicSpecification(name: "r.t", partitions: partitions, retention: .age(.milliseconds(1 << 40)))
        ])
        _ = try await log.append(
            (0..<partitions * 20).map {
                AppendRequest(
                    topic: "r.t", partitioning: .partition($0 % partitions), record: LogRecord(value: [1]))
            })
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                while !Task.isCancelled {
                    try await log.maintain()
                    await Task.yield()
                }
            }
            for reader in 0..<6 {
                group.addTask {
                    for round in 0..<15 {
                        var found = 0
                        let partition = TopicPartition(topic: "r.t", partition: (reader + round) % partitions)
                        try await log.scan(partition) { found += $0.count }
                        #expect(found == 20)
                    }
                }
            }
            for _ in 0..<6 { try await group.next() }
            group.cancelAll()
        }
        await log.close()
    }

    /// A session's clients close while a new password is passed to all live clients.
    @Test(.timeLimit(.minutes(10)))
    func credentialsChangeWhileClientsClose() async throws {
        let mock = try MockCluster()
        for _ in 0..<5 {
            let log = try log(mock)
            try await log.ensure([
                TopicSpecification(name: "r.t", partitions: 2, retention: .age(.milliseconds(1 << 40)))
            ])
            _ = try await log.append([
                AppendRequest(topic: "r.t", partitioning: .partition(0), record: LogRecord(value: [1]))
            ])
            _ = try await log.read(TopicPartition(topic: "r.t", partition: 0), from: 0, records: 1, bytes: 1_000)
            let session = try await log.openSession([Subscription(group: "r.g", topic: "r.t")])
            #expect(log.liveClients > 0)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    for number in 0..<2_000 {
                        try log.replaceCredentials(user: "user", password: "password-\(number)")
                        if number % 20 == 0 { await Task.yield() }
                    }
                }
                group.addTask {
                    await session.close()
                    await log.close()
                }
                try await group.waitForAll()
            }
            #expect(log.liveClients == 0)
        }
    }
}
