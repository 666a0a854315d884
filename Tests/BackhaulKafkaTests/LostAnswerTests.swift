import BackhaulKafka
import BackhaulLog
import BackhaulLogConformance
import Testing

@Suite(
    "A commit whose answer is lost", .serialized,
    .enabled(if: realBrokers != nil, "set BACKHAUL_TEST_KAFKA=host:port to run them"))
struct LostAnswerTests {
    /// A session that has taken some records.
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

    /// The transaction is in the log, the member does not know: the positions tell, and nothing is written twice.
    @Test func isFoundInThePositions() async throws {
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

    /// The brokers are away just when it should be found out: the caller is told so, and tries again; nothing is written
    /// in between, and nothing twice.
    @Test func isFoundLaterWhenTheBrokersAreAway() async throws {
        let harness = try KafkaHarness(real: realBrokers, delivery: .transactional)
        let conformance = LogConformance(harness)
        let (log, session, deliveries) = try await taken(2, conformance, harness)
        let units = conformance.finish([deliveries[0]], [conformance.value("x", to: conformance.out)])
        harness.arm("committed", after: 0)
        harness.arm("initialising", after: 0)
        for _ in 0..<2 {
            do {
                _ = try await session.settle(units)
                Issue.record("a settlement whose fate is unknown was answered")
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
