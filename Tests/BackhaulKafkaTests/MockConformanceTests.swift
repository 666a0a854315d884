import BackhaulKafka
import BackhaulLogConformance
import Foundation
import Testing

/// Real brokers as `host:port`. Without them, the tests that need them count as skipped.
let realBrokers = ProcessInfo.processInfo.environment["BACKHAUL_TEST_KAFKA"].flatMap { $0.isEmpty ? nil : $0 }

@Suite("Kafka log conformance (mock brokers)", .serialized)
struct MockConformanceTests {
    /// Checks all that mock brokers can prove: everything but atomic settlement, which they only pretend.
    @Test(arguments: LogConformance.Case.allCases)
    func conforms(_ name: LogConformance.Case) async throws {
        try await LogConformance(KafkaHarness(delivery: .atLeastOnce)).run(name)
    }
}

@Suite(
    "Kafka log conformance (Apache Kafka)", .serialized,
    .enabled(if: realBrokers != nil, "set BACKHAUL_TEST_KAFKA=host:port to run them"))
struct RealConformanceTests {
    @Test(arguments: LogConformance.Case.allCases)
    func conformsInTransactions(_ name: LogConformance.Case) async throws {
        try await LogConformance(KafkaHarness(real: realBrokers, delivery: .transactional)).run(name)
    }

    @Test(arguments: LogConformance.Case.allCases)
    func conformsInSignedTransactions(_ name: LogConformance.Case) async throws {
        try await LogConformance(SignedHarness(KafkaHarness(real: realBrokers, delivery: .transactional))).run(name)
    }

    @Test(arguments: LogConformance.Case.allCases)
    func conformsAtLeastOnce(_ name: LogConformance.Case) async throws {
        try await LogConformance(KafkaHarness(real: realBrokers, delivery: .atLeastOnce)).run(name)
    }
}
