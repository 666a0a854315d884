import BackhaulKafka
import BackhaulLog
import BackhaulLogConformance
import Testing

@Suite(
    "A transaction that a dead process left open", .serialized,
    .enabled(if: realBrokers != nil, "set BACKHAUL_TEST_KAFKA=host:port to run them"))
struct OpenTransactionTests {
    /// A log with three records, whose owner finished the first and was killed while it finished the second, and a session
    /// that is given the partition next.
    /// - Parameter id: the dead one's transactional id.
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

    /// It would be open for a minute; the next owner of the partition ends it and goes on where the dead one had settled.
    @Test(.timeLimit(.minutes(10))) func isEndedByTheNextOwner() async throws {
        let harness = try KafkaHarness(real: realBrokers, delivery: .transactional)
        let conformance = LogConformance(harness)
        let start = ContinuousClock.now
        let (log, session) = try await afterADeath(of: harness.prefix + "backhaul-dead", conformance, harness)
        #expect(try await conformance.take(2, session).map(\.stored.position.offset) == [1, 2])
        // Of what the brokers would have taken by themselves.
        #expect(ContinuousClock.now - start < .seconds(40))
        #expect(try await conformance.position(log)?.frontier == 1)
        #expect(try await conformance.all(log, conformance.out).isEmpty)
        await log.close()
    }

    /// A container that is started again keeps its host's name and has process number 1 again: A is killed with a transaction
    /// open, B starts in its place and joins the group. With equal names A would count as a member, and B would wait for the
    /// brokers to end what A left open.
    @Test(.timeLimit(.minutes(10))) func ofAPredecessorInTheSameContainerIsEnded() async throws {
        func name() -> String { KafkaOptions.clientName(role: "worker", host: "pod-7", process: 1) }
        let harness = try KafkaHarness(real: realBrokers, delivery: .transactional, clientName: name())
        let conformance = LogConformance(harness)
        let start = ContinuousClock.now
        let (log, session) = try await afterADeath(of: "\(harness.prefix)\(name())-1", conformance, harness)
        #expect(try await conformance.take(2, session).map(\.stored.position.offset) == [1, 2])
        #expect(ContinuousClock.now - start < .seconds(40))
        await log.close()
    }

    /// Whoever may write positions must not choose whose transactions this program ends; and a member of the group lives,
    /// whatever was written under its name.
    @Test(.timeLimit(.minutes(10)), arguments: ["another.", "backhaul-test-"])
    func ofAnotherProgramOrAMemberIsLeftAlone(_ name: String) async throws {
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

    /// The client that asks, and the loop that its calls end on, are there until the question has its answer: in the middle of
    /// a question, of a fence, and between two; and for whoever closes it from a task that is cancelled.
    @Test(.timeLimit(.minutes(10)), arguments: [600, 1_500, 2_600], [false, true])
    func aLogThatIsClosedWhileItWaitsCloses(after milliseconds: Int, isCancelled: Bool) async throws {
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
