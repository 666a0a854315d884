import BackhaulKafka
import BackhaulLog
import BackhaulLogConformance
import BackhaulTestKit
import Foundation
import Logging
import Synchronization

/// The Kafka log for the conformance suite: on mock brokers, or on the real ones of BACKHAUL_TEST_KAFKA.
final class KafkaHarness: LogHarness {
    let clock: ManualClock? = nil
    let prefix: String
    let failPoints: [String]
    /// Each group change takes the mock brokers nearly a session timeout.
    var members: Int { mock == nil ? 4 : 2 }
    /// The mock brokers need half a minute for 256.
    var manyPartitions: Int { mock == nil ? 256 : 64 }
    private let mock: MockCluster?
    private let bootstrap: String
    private let delivery: DeliveryMode
    private let clientName: String
    private let armed = Mutex<[String: Int]>([:])

    /// Uses real brokers when a bootstrap address is given, otherwise the harness's own mock brokers.
    init(real: String? = nil, delivery: DeliveryMode, clientName: String = "backhaul-test") throws {
        self.clientName = clientName
        mock = real == nil ? try MockCluster() : nil
        bootstrap = real ?? mock?.bootstrap ?? ""
        self.delivery = delivery
        prefix = "c\(UUID().uuidString.prefix(8)).".lowercased()
        // Without transactions, a settlement that fails midway leaves traces.
        failPoints = delivery == .transactional ? ["begun", "appended", "moved"] : []
    }

    func open() async throws -> any MessageLog { try log() }

    func log(
        _ properties: [String: String] = [:], topics: [TopicSpecification] = [],
        retired: @escaping @Sendable (String) -> TopicSpecification? = { _ in nil },
        clock: any LogClock = SystemLogClock()
    ) throws -> KafkaLog {
        var logger = Logger(label: "test.kafka")
        logger.logLevel =
            ProcessInfo.processInfo.environment["BACKHAUL_TEST_LOG"].flatMap { Logger.Level(rawValue: $0) } ?? .error
        // The mock brokers delay a first join by three seconds and evict a member that is silent for its session
        // timeout.
        let session = mock == nil ? "4000" : "3500"
        let options = KafkaOptions(
            bootstrap: bootstrap,
            properties: [
                "session.timeout.ms": session, "heartbeat.interval.ms": "200", "transaction.timeout.ms": "4000",
            ].merging(properties) { _, new in new },
            delivery: delivery, prefix: prefix, clientName: clientName)
        var creator: (@Sendable ([TopicSpecification]) async throws -> Void)?
        if let mock { creator = { mock.create($0) } }
        return try KafkaLog(
            options: options, topics: topics, retired: retired, clock: clock, logger: logger, creator: creator
        ) { [weak self] point in try self?.pass(point) }
    }

    func crash(_ log: any MessageLog) async throws -> any MessageLog {
        await (log as? KafkaLog)?.abandon()
        return try await open()
    }

    func arm(_ failPoint: String, after: Int) { armed.withLock { $0[failPoint] = after } }

    func disarm() { armed.withLock { $0 = [:] } }

    struct Fault: Error {}

    private func pass(_ point: String) throws {
        try armed.withLock { armed in
            guard let after = armed[point] else { return }
            if after == 0 { throw Fault() }
            armed[point] = after - 1
        }
    }
}
