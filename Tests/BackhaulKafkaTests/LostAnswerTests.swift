import BackhaulKafka
import BackhaulLog
import BackhaulLogConformance
import Testing

@Suite(
    "Lost commit response", .serialized,
    .enabled(if: realBrokers != nil, "set BACKHAUL_TEST_KAFKA=host:port to run them"))
struct LostAnswerTests {
    /// A session to which `count` records were delivered.
    private func taken(_ count: Int, _ conformance: LogConformance, _ harness: KafkaHarness) async throws
        -> (any MessageLog, any LogSession, [Delivery])
    {
        let log = try await harness.open()
        try await log.ensure([conformance.topic(conformance.t), conformance.topic(conformance.out)])
        _ = try await log.append((0..<count).map { conformance.value("\($0)") })
        let session = try await log.openSession([Subscription(group: conformance.g, topic: conformance.t)])
        await session.grant(count)
        return (log, session, try await conformance.take(count, session))
    }

    /// The transaction is committed, but the member does not know. The group's positions show it, and nothing is
    /// written twice.
    @Test func lostCommitResponseIsResolvedFromPositions() async throws {
        let harness = try KafkaHarness(real: realBrokers, delivery: .transactional)
        let conformance = LogConformance(harness)
        let (log, session, deliveries) = try await taken(3, conformance, harness)
        let units = conformance.finish([deliveries[0], deliveries[2]], [conformance.value("x", to: conformance.out)])
        harness.arm("committed", after: 0)
        #expect(try await session.settle(units) == [.settled, .settled])
        harness.disarm()
        #expect(try await conformance.all(log, conformance.out).count == 1)
        #expect(try await conformance.position(log)?.frontier == 1)
        #expect(try await session.settle(conformance.finish([deliveries[1]])) == [.settled])
        #expect(try await conformance.position(log)?.frontier == 3)
        await log.close()
    }

    /// The brokers are unavailable when the member reads the positions: the caller gets an error and retries.
    /// Nothing is written in between, and nothing twice.
    @Test func lostCommitResponseIsResolvedAfterBrokerOutage() async throws {
        let harness = try KafkaHarness(real: realBrokers, delivery: .transactional)
        let conformance = LogConformance(harness)
        let (log, session, deliveries) = try await taken(2, conformance, harness)
        let units = conformance.finish([deliveries[0]], [conformance.value("x", to: conformance.out)])
        harness.arm("committed", after: 0)
        harness.arm("initialising", after: 0)
        for _ in 0..<2 {
            do {
                _ = try await session.settle(units)
                Issue.record("a settlement with an unknown fate returned outcomes")
            } catch LogError.unavailable {}
        }
        harness.disarm()
        #expect(try await session.settle(units) == [.settled])
        #expect(try await session.settle(conformance.finish([deliveries[1]])) == [.settled])
        #expect(try await conformance.all(log, conformance.out).count == 1)
        #expect(try await conformance.position(log)?.frontier == 2)
        await log.close()
    }
}
