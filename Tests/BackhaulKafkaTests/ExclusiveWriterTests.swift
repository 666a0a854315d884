import BackhaulKafka
import BackhaulLog
import BackhaulLogConformance
import Testing

/// What a copy into a cluster rests on. The mock brokers' transactions are a facade, so all but the first need real
/// brokers.
@Suite("Exclusive writer", .serialized)
struct ExclusiveWriterTests {
    private func values(_ log: any MessageLog, _ topic: String) async throws -> [String] {
        let partition = TopicPartition(topic: topic, partition: 0)
        var found: [String] = []
        try await log.scan(partition, to: try await log.decided(partition)) { records in
            found += records.map { String(decoding: $0.record.value ?? [], as: UTF8.self) }
        }
        return found
    }

    private func prepare(real: String?) async throws -> (KafkaHarness, LogConformance, KafkaLog) {
        let harness = try KafkaHarness(real: real, delivery: .transactional)
        let conformance = LogConformance(harness)
        let log = try harness.log()
        try await log.ensure([conformance.topic(conformance.t), conformance.topic(conformance.out)])
        return (harness, conformance, log)
    }

    @Test(.timeLimit(.minutes(5))) func batchesArriveInOrder() async throws {
        let (_, conformance, log) = try await prepare(real: realBrokers)
        let writer = log.exclusiveWriter("copy")
        try await writer.begin()
        for batch in 0..<3 {
            try await writer.append([conformance.value("\(batch)a"), conformance.value("\(batch)b")])
        }
        await writer.close()
        #expect(try await values(log, conformance.t) == ["0a", "0b", "1a", "1b", "2a", "2b"])
        #expect(try await !log.clusterID().isEmpty)
        await log.close()
    }

    @Test(
        .timeLimit(.minutes(5)), .enabled(if: realBrokers != nil, "set BACKHAUL_TEST_KAFKA=host:port to run it"),
        arguments: ["begun", "appended", "committed"])
    func batchIsWholeOrNothing(_ point: String) async throws {
        let (harness, conformance, log) = try await prepare(real: realBrokers)
        let writer = log.exclusiveWriter("copy")
        try await writer.begin()
        harness.arm(point, after: 0)
        await #expect(throws: LogError.self) {
            try await writer.append([conformance.value("a"), conformance.value("b", to: conformance.out)])
        }
        harness.disarm()
        // After `begin` the log shows which: the answer to a commit was lost, or nothing was committed.
        try await writer.begin()
        let isWritten = point == "committed"
        #expect(try await values(log, conformance.t) == (isWritten ? ["a"] : []))
        #expect(try await values(log, conformance.out) == (isWritten ? ["b"] : []))
        try await writer.append([conformance.value("c")])
        #expect(try await values(log, conformance.t) == (isWritten ? ["a", "c"] : ["c"]))
        await writer.close()
        await log.close()
    }

    @Test(
        .timeLimit(.minutes(5)), .enabled(if: realBrokers != nil, "set BACKHAUL_TEST_KAFKA=host:port to run it"))
    func successorEndsPredecessor() async throws {
        let (_, conformance, log) = try await prepare(real: realBrokers)
        let first = log.exclusiveWriter("copy")
        try await first.begin()
        try await first.append([conformance.value("a")])
        let second = log.exclusiveWriter("copy")
        try await second.begin()
        // Nor does it open a producer again, which would end the second.
        for _ in 0..<2 {
            await #expect(throws: LogError.self) { try await first.append([conformance.value("late")]) }
        }
        try await second.append([conformance.value("b")])
        #expect(try await values(log, conformance.t) == ["a", "b"])
        await first.close()
        await second.close()
        await log.close()
    }
}
