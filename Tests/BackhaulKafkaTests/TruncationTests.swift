import BackhaulKafka
import BackhaulLog
import BackhaulLogConformance
import BackhaulUnits
import Testing

/// A clock that is wrong by `error` milliseconds.
private struct WrongClock: LogClock {
    let error: Int64
    private let right = SystemLogClock()

    init(by error: Int64) { self.error = error }

    var now: Timestamp { right.now + .milliseconds(error) }
    func sleep(until instant: Timestamp) async throws { try await right.sleep(until: instant - .milliseconds(error)) }
}

@Suite(
    "Kafka truncation by age", .serialized,
    .enabled(if: realBrokers != nil, "set BACKHAUL_TEST_KAFKA=host:port to run them"))
struct TruncationTests {
    private static let week: Int64 = 7 * 86_400_000

    /// The earliest offset of ten records, of which a group has read six, after `maintain` in a process with this
    /// clock.
    private func earliest(age: Duration, _ clock: any LogClock) async throws -> Int64 {
        let harness = try KafkaHarness(real: realBrokers, delivery: .transactional)
        let conformance = LogConformance(harness)
        let topic = conformance.topic(conformance.t, 1, .untilRead(by: [conformance.g], atLeast: age))
        let log = try harness.log(topics: [topic], clock: clock)
        try await log.ensure([topic])
        _ = try await log.append((0..<10).map { conformance.value("\($0)") })
        let place = TopicPartition(topic: conformance.t, partition: 0)
        try await log.commit([place: GroupPosition(frontier: 6)], of: conformance.g)
        try await log.maintain()
        let earliest = try await log.bounds(conformance.t)[0].earliest
        await log.close()
        return earliest
    }

    @Test(.timeLimit(.minutes(10))) func readAndExpiredRecordsAreTruncated() async throws {
        #expect(try await earliest(age: .zero, SystemLogClock()) == 6)
        #expect(try await earliest(age: .milliseconds(Self.week), SystemLogClock()) == 0)
    }

    /// The topic of a retry tier that is no longer configured.
    @Test(.timeLimit(.minutes(10))) func retiredTopicIsTruncated() async throws {
        let harness = try KafkaHarness(real: realBrokers, delivery: .transactional)
        let conformance = LogConformance(harness)
        let topic = conformance.topic(conformance.t, 1, .untilRead(by: [conformance.g], atLeast: .zero))
        let log = try harness.log(
            topics: [], retired: { $0 == topic.name ? topic : nil }, clock: SystemLogClock())
        try await log.ensure([topic])
        _ = try await log.append((0..<3).map { conformance.value("\($0)") })
        try await log.commit(
            [TopicPartition(topic: topic.name, partition: 0): GroupPosition(frontier: 2)], of: conformance.g)
        try await log.maintain()
        #expect(try await log.bounds(topic.name)[0].earliest == 2)
        await log.close()
    }

    /// The brokers' timestamps show that the records are young, regardless of this machine's clock.
    @Test(.timeLimit(.minutes(10)), arguments: [365, -3_650, 21, 8] as [Int64])
    func wrongLocalClockTruncatesNothing(days: Int64) async throws {
        #expect(try await earliest(age: .milliseconds(Self.week), WrongClock(by: days * 86_400_000)) == 0)
    }
}
