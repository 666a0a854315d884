import BackhaulKafka
import BackhaulLog
import BackhaulLogConformance
import Testing

@Suite(
    "Open transaction of a dead process", .serialized,
    .enabled(if: realBrokers != nil, "set BACKHAUL_TEST_KAFKA=host:port to run them"))
struct DeadProducerTests {
    /// Opens a log with three records, whose owner finished the first and was killed while it finished the second,
    /// and a session that gets the partition next.
    /// - Parameter id: the dead process's transactional id.
    private func afterADeath(
        of id: String, _ conformance: LogConformance, _ harness: KafkaHarness
    ) async throws -> (any MessageLog, any LogSession) {
        let log = try await harness.open()
        try await log.ensure([conformance.topic(conformance.t), conformance.topic(conformance.out)])
        _ = try await log.append((0..<3).map { conformance.value("\($0)") })
        let partition = TopicPartition(topic: conformance.t, partition: 0)
        try DeadProducer(brokers: realBrokers ?? "", id: id).die(
            after: 1, in: partition, of: conformance.g, writing: conformance.value("x", to: conformance.out))
        let session = try await log.openSession([Subscription(group: conformance.g, topic: conformance.t)])
        await session.grant(3)
        return (log, session)
    }

    /// It would stay open for a minute. The partition's next owner fences it and continues at the last committed
    /// position.
    @Test(.timeLimit(.minutes(10))) func openTransactionIsFencedByNextOwner() async throws {
        let harness = try KafkaHarness(real: realBrokers, delivery: .transactional)
        let conformance = LogConformance(harness)
        let start = ContinuousClock.now
        let (log, session) = try await afterADeath(of: harness.prefix + "backhaul-dead", conformance, harness)
        #expect(try await conformance.take(2, session).map(\.stored.position.offset) == [1, 2])
        // Less than the brokers alone would need.
        #expect(ContinuousClock.now - start < .seconds(40))
        #expect(try await conformance.position(log)?.frontier == 1)
        #expect(try await conformance.all(log, conformance.out).isEmpty)
        await log.close()
    }

    /// A restarted container keeps its host name and process number 1. A is killed with a transaction open; B
    /// starts in its place and joins the group. With equal names, A would count as a member, and B would wait for
    /// the brokers to end A's transaction.
    @Test(.timeLimit(.minutes(10))) func openTransactionOfRestartedContainerIsFenced() async throws {
        func name() -> String { KafkaOptions.clientName(role: "worker", host: "pod-7", process: 1) }
        let harness = try KafkaHarness(real: realBrokers, delivery: .transactional, clientName: name())
        let conformance = LogConformance(harness)
        let start = ContinuousClock.now
        let (log, session) = try await afterADeath(of: "\(harness.prefix)\(name())-1", conformance, harness)
        #expect(try await conformance.take(2, session).map(\.stored.position.offset) == [1, 2])
        #expect(ContinuousClock.now - start < .seconds(40))
        await log.close()
    }

    /// A client that may commit positions must not choose whose transactions this program ends. A member of the
    /// group is alive, even if a transaction was written under its name.
    @Test(.timeLimit(.minutes(10)), arguments: ["another.", "backhaul-test-"])
    func openTransactionOfOtherProgramOrMemberIsNotFenced(_ name: String) async throws {
        let harness = try KafkaHarness(real: realBrokers, delivery: .transactional)
        let conformance = LogConformance(harness)
        let id = name == "another." ? name + harness.prefix + "backhaul-dead" : harness.prefix + name + "1"
        let (log, session) = try await afterADeath(of: id, conformance, harness)
        let taken = try await withThrowingTaskGroup(of: Int.self) { group in
            group.addTask { try await conformance.take(2, session).count }
            group.addTask {
                try await Task.sleep(for: .seconds(8))
                return 0
            }
            let first = try await group.next()
            group.cancelAll()
            return first
        }
        #expect(taken == 0)
        await log.close()
    }

    /// The query client, and the loop that its calls end on, live until the query has its response: when the log
    /// closes during a query, during a fence or between two, and also when a cancelled task closes it.
    @Test(.timeLimit(.minutes(10)), arguments: [600, 1_500, 2_600], [false, true])
    func logClosesDuringTransactionQueryOrFence(after milliseconds: Int, isCancelled: Bool) async throws {
        let harness = try KafkaHarness(real: realBrokers, delivery: .transactional)
        let conformance = LogConformance(harness)
        let (log, session) = try await afterADeath(of: harness.prefix + "backhaul-dead", conformance, harness)
        async let event = session.next()
        try await Task.sleep(for: .milliseconds(milliseconds))
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await log.close() }
            if isCancelled { group.cancelAll() }
        }
        _ = try? await event
    }
}
