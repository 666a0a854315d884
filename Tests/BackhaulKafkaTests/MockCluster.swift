import BackhaulLog
import CLibrdkafka
import Foundation

/// librdkafka's mock brokers, in this process. They support groups, plain commits and records. Their transactions
/// are not real (offsets are dropped, aborted records stay readable), and they have no admin API.
final class MockCluster: @unchecked Sendable {
    private let owner: OpaquePointer
    private let cluster: OpaquePointer
    let bootstrap: String

    struct Missing: Error {}

    init(brokers: Int32 = 3) throws {
        let configuration = rd_kafka_conf_new()
        // Without it, every response of the mock waits for a delayed TCP acknowledgment.
        rd_kafka_conf_set(configuration, "socket.nagle.disable", "true", nil, 0)
        rd_kafka_conf_set(configuration, "log_level", "0", nil, 0)
        guard let owner = rd_kafka_new(RD_KAFKA_PRODUCER, configuration, nil, 0),
            let cluster = rd_kafka_mock_cluster_new(owner, brokers)
        else { throw Missing() }
        self.owner = owner
        self.cluster = cluster
        bootstrap = String(cString: rd_kafka_mock_cluster_bootstraps(cluster))
    }

    deinit {
        rd_kafka_mock_cluster_destroy(cluster)
        rd_kafka_destroy(owner)
    }

    func create(_ topics: [TopicSpecification]) {
        for topic in topics { rd_kafka_mock_topic_create(cluster, topic.name, Int32(topic.partitions), 1) }
    }

    /// Makes the next requests of this kind fail, one error per request.
    func fail(_ api: Int16, _ errors: [rd_kafka_resp_err_t]) {
        for error in errors { backhaul_mock_push_error(cluster, api, error) }
    }

    /// Makes every broker keep its connections and answer nothing, as one whose machine has stopped.
    func silence() {
        for id in Int32(1)...3 { rd_kafka_mock_broker_set_rtt(cluster, id, 600_000) }
    }

    func setBrokers(up: Bool, _ ids: ClosedRange<Int32> = 1...3) {
        for id in ids {
            if up { rd_kafka_mock_broker_set_up(cluster, id) } else { rd_kafka_mock_broker_set_down(cluster, id) }
        }
    }
}
