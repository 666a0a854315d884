import BackhaulLog
import CLibrdkafka
import Foundation

@testable import BackhaulKafka

/// Leaves the brokers in the state after a process committed a group's position and was killed during its second
/// transaction. Uses librdkafka directly. The transaction would stay open for a minute.
struct DeadProducer {
    let brokers: String
    let id: String

    struct Failure: Error { var text: String }

    private func check(_ error: OpaquePointer?) throws {
        guard let error else { return }
        defer { rd_kafka_error_destroy(error) }
        throw Failure(text: String(cString: rd_kafka_error_string(error)))
    }

    /// Finishes `done` records of a partition, then leaves a transaction open that finishes one more and writes
    /// `record`.
    func die(after done: Int64, in partition: TopicPartition, of group: String, writing record: AppendRequest) throws {
        let configuration = rd_kafka_conf_new()
        for (name, value) in [
            "bootstrap.servers": brokers, "transactional.id": id, "transaction.timeout.ms": "60000", "log_level": "0",
            "socket.nagle.disable": "true",
        ] {
            rd_kafka_conf_set(configuration, name, value, nil, 0)
        }
        guard let client = rd_kafka_new(RD_KAFKA_PRODUCER, configuration, nil, 0) else {
            throw Failure(text: "librdkafka created no producer")
        }
        // The brokers are not told: nothing is flushed or aborted.
        defer { rd_kafka_destroy(client) }
        try check(rd_kafka_init_transactions(client, 20_000))
        for (frontier, isLast) in [(done, false), (done + 1, true)] {
            try check(rd_kafka_begin_transaction(client))
            if isLast {
                try RecordTransport.produce(
                    record.record, to: TopicPartition(topic: record.topic, partition: 0), tag: 1, with: client)
                rd_kafka_flush(client, 5_000)
            }
            let list = PartitionList(capacity: 1)
            list.add(partition, offset: frontier, metadata: CommitMetadata(map: "", writer: id).text)
            let member = rd_kafka_consumer_group_metadata_new(group)
            defer { rd_kafka_consumer_group_metadata_destroy(member) }
            try check(rd_kafka_send_offsets_to_transaction(client, list.pointer, member, 20_000))
            if !isLast { try check(rd_kafka_commit_transaction(client, 20_000)) }
        }
    }
}
