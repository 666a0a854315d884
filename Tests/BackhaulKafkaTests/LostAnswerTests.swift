import BackhaulKafka
import BackhaulLog
import BackhaulLogConformance
import Testing

@Suite(
    "A commit whose answer is lost", .serialized,
    .enabled(if: realBrokers != nil, "set BACKHAUL_TEST_KAFKA=host:port to run them"))
struct LostAnswerTests {
    /// The transaction is in the log, the member does not know: the positions tell, and nothing is written twice.
    @Test func isFoundInThePositions() async throws {
        let harness = try KafkaHarness(real: realBrokers, delivery: .transactional)
        let conformance = LogConformance(harness)
        let log = try await harness.open()
        try await log.ensure([conformance.topic(conformance.t), conformance.topic(conformance.out)])
        _ = try await log.append((0..<3).map { conformance.value("\($0)") })
        let session = try await log.openSession([Subscription(group: conformance.g, topic: conformance.t)])
        await session.grant(3)
        let deliveries = try await conformance.take(3, session)
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
}
