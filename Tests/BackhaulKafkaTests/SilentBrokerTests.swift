import BackhaulKafka
import BackhaulLog
import BackhaulTestKit
import BackhaulUnits
import Logging
import Testing

@Suite("Kafka brokers that stop answering")
struct SilentBrokerTests {
    private static let patience = Duration.seconds(120)

    /// The requests of the parts that stop wait for their time-outs, in order, on the clients' own threads. A worker
    /// whose broker had died waited for them at its end until the watchdog ended it.
    @Test(.timeLimit(.minutes(6))) func closingDoesNotWaitForThem() async throws {
        let cluster = try MockCluster()
        let topic = TopicSpecification(name: "t", partitions: 1, retention: .untilRead(by: ["g"], atLeast: .zero))
        cluster.create([topic])
        var logger = Logger(label: "test.kafka")
        logger.logLevel = .critical
        let log = try KafkaLog(
            options: KafkaOptions(bootstrap: cluster.bootstrap, requestTimeout: Self.patience),
            clock: SystemLogClock(), logger: logger)
        _ = try await log.append([
            AppendRequest(topic: "t", partitioning: .partition(0), record: LogRecord(value: [1]))
        ])
        let place = TopicPartition(topic: "t", partition: 0)
        #expect(try await log.read(place, from: 0, records: 9, bytes: ByteCount(1_000)).records.count == 1)
        cluster.silence()

        let start = ContinuousClock.now
        await withTaskGroup(of: Void.self) { group in
            group.addTask { _ = try? await log.bounds("t") }
            group.addTask { _ = try? await log.positions(of: "g") }
            group.addTask {
                _ = try? await log.append([
                    AppendRequest(topic: "t", partitioning: .partition(0), record: LogRecord(value: [2]))
                ])
            }
            // The requests must have been sent; one that comes later finds the log closed, which is right, too.
            try? await Task.sleep(for: .milliseconds(500))
            await log.close()
            group.cancelAll()
        }
        #expect(ContinuousClock.now - start < Self.patience / 4)
    }

    /// A request that gets its client just before `close` reached it once it was destroyed.
    @Test(.timeLimit(.minutes(6))) func requestsDuringCloseFindTheLogClosed() async throws {
        let cluster = try MockCluster()
        cluster.create([TopicSpecification(name: "t", partitions: 1, retention: .untilRead(by: ["g"], atLeast: .zero))])
        var logger = Logger(label: "test.kafka")
        logger.logLevel = .critical
        for round in 0..<40 {
            let start = ContinuousClock.now
            let log = try KafkaLog(
                options: KafkaOptions(bootstrap: cluster.bootstrap, requestTimeout: Self.patience),
                clock: SystemLogClock(), logger: logger)
            if round % 2 == 0 { _ = try await log.bounds("t") }
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<4 {
                    group.addTask { while (try? await log.decided(TopicPartition(topic: "t", partition: 0))) != nil {} }
                    group.addTask { while (try? await log.bounds("t")) != nil {} }
                }
                try? await Task.sleep(for: .milliseconds(round % 5))
                await log.close()
            }
            await #expect(throws: LogError.closed) { try await log.bounds("t") }
            // A destroyed client answers nothing, if it does not crash: its request would take all its time.
            #expect(ContinuousClock.now - start < Self.patience / 2)
        }
    }
}
