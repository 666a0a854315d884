internal import BackhaulLog
internal import CLibrdkafka
internal import Foundation
internal import Synchronization

/// Queries and changes of the cluster: topics, their configuration, and the positions of groups.
struct KafkaAdmin: Sendable {
    let handle: KafkaHandle
    let timeout: Int

    func clusterID() async throws -> String {
        try await call("reading the cluster's id") {
            guard let text = rd_kafka_clusterid(handle.client, Int32(clamping: timeout)) else {
                throw KafkaError(RD_KAFKA_RESP_ERR__TIMED_OUT, "the brokers did not tell it")
            }
            defer { rd_kafka_mem_free(handle.client, text) }
            return String(cString: text)
        }
    }

    // MARK: Topics

    /// Every topic with its number of partitions and replicas. Never queries a topic by name, since a broker with
    /// automatic topic creation would create it.
    func topics() async throws -> [String: (partitions: Int, replication: Int)] {
        // Short requests: after a wrong password no answer comes, and the caller must get the error soon.
        let piece = Int32(clamping: min(timeout, 2_000))
        return try await call("listing topics", for: .milliseconds(timeout), endsAtRefusal: true) {
            var metadata: UnsafePointer<rd_kafka_metadata>?
            try KafkaError.check(rd_kafka_metadata(handle.client, 1, nil, &metadata, piece))
            guard let metadata else { return [:] }
            let owner = Owned(metadata) { rd_kafka_metadata_destroy($0) }
            var topics: [String: (partitions: Int, replication: Int)] = [:]
            for index in 0..<Int(owner.object.pointee.topic_cnt) {
                let topic = owner.object.pointee.topics[index]
                guard topic.err == RD_KAFKA_RESP_ERR_NO_ERROR, let name = topic.topic else { continue }
                let count = Int(topic.partition_cnt)
                let replicas = (0..<count).map { Int(topic.partitions[$0].replica_cnt) }.min() ?? 0
                topics[String(cString: name)] = (count, replicas)
            }
            return topics
        }
    }

    func create(_ topics: [DesiredTopic]) async throws {
        try await call("creating topics") {
            var new = OwnedObjects { rd_kafka_NewTopic_destroy($0) }
            for topic in topics {
                var text = [CChar](repeating: 0, count: 512)
                guard
                    let made = rd_kafka_NewTopic_new(
                        topic.name, Int32(clamping: topic.partitions), Int32(clamping: topic.replication), &text,
                        text.count)
                else { throw KafkaError(RD_KAFKA_RESP_ERR__INVALID_ARG, Self.text(text)) }
                new.add(made)
                for (name, value) in topic.configuration { rd_kafka_NewTopic_set_config(made, name, value) }
            }
            try Self.ask(handle.client, timeout) { queue in
                rd_kafka_CreateTopics(handle.client, &new.pointers, new.pointers.count, nil, queue)
            } answer: { event in
                var count = 0
                let results = rd_kafka_CreateTopics_result_topics(
                    rd_kafka_event_CreateTopics_result(event), &count)
                for index in 0..<count {
                    let result = backhaul_topic_result(results, index)
                    let code = rd_kafka_topic_result_error(result)
                    // Another process created it first; the topic is compared like any other.
                    if code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS { continue }
                    throw KafkaError(
                        code,
                        "topic \(String(cString: rd_kafka_topic_result_name(result))): "
                            + (rd_kafka_topic_result_error_string(result).map { String(cString: $0) } ?? ""))
                }
            }
        }
    }

    func grow(_ topic: String, to partitions: Int) async throws {
        try await call("adding partitions to \(topic)") {
            var text = [CChar](repeating: 0, count: 512)
            guard let new = rd_kafka_NewPartitions_new(topic, partitions, &text, text.count) else {
                throw KafkaError(RD_KAFKA_RESP_ERR__INVALID_ARG, Self.text(text))
            }
            var all = OwnedObjects(new) { rd_kafka_NewPartitions_destroy($0) }
            try Self.ask(handle.client, timeout) { queue in
                rd_kafka_CreatePartitions(handle.client, &all.pointers, 1, nil, queue)
            } answer: { event in
                var count = 0
                let results = rd_kafka_CreatePartitions_result_topics(
                    rd_kafka_event_CreatePartitions_result(event), &count)
                for index in 0..<count {
                    try KafkaError.check(rd_kafka_topic_result_error(backhaul_topic_result(results, index)))
                }
            }
        }
    }

    /// The configuration of topics: the value of every key, and the keys that are set for the topic itself.
    func configuration(of topics: [String]) async throws -> [String: ActualTopic.Configuration] {
        try await call("reading topic configurations") {
            var resources = OwnedObjects { rd_kafka_ConfigResource_destroy($0) }
            for topic in topics { resources.add(rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic)) }
            var all: [String: ActualTopic.Configuration] = [:]
            try Self.ask(handle.client, timeout) { queue in
                rd_kafka_DescribeConfigs(handle.client, &resources.pointers, resources.pointers.count, nil, queue)
            } answer: { event in
                var count = 0
                let results = rd_kafka_DescribeConfigs_result_resources(
                    rd_kafka_event_DescribeConfigs_result(event), &count)
                for index in 0..<count {
                    let resource = backhaul_config_resource(results, index)
                    try KafkaError.check(rd_kafka_ConfigResource_error(resource))
                    var configuration = ActualTopic.Configuration()
                    var entries = 0
                    let list = rd_kafka_ConfigResource_configs(resource, &entries)
                    for number in 0..<entries {
                        let entry = backhaul_config_entry(list, number)
                        guard let name = rd_kafka_ConfigEntry_name(entry),
                            let value = rd_kafka_ConfigEntry_value(entry)
                        else { continue }
                        configuration.values[String(cString: name)] = String(cString: value)
                        if rd_kafka_ConfigEntry_source(entry) == RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG {
                            configuration.own.insert(String(cString: name))
                        }
                    }
                    all[String(cString: rd_kafka_ConfigResource_name(resource))] = configuration
                }
            }
            return all
        }
    }

    /// Sets the topic's own configuration. The request replaces all of it, so `values` must include the existing keys.
    func configure(_ topic: String, _ values: [String: String]) async throws {
        try await call("configuring \(topic)") {
            guard let resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic) else { return }
            var all = OwnedObjects(resource) { rd_kafka_ConfigResource_destroy($0) }
            for (name, value) in values { rd_kafka_ConfigResource_set_config(resource, name, value) }
            try Self.ask(handle.client, timeout) { queue in
                rd_kafka_AlterConfigs(handle.client, &all.pointers, 1, nil, queue)
            } answer: { event in
                var count = 0
                let results = rd_kafka_AlterConfigs_result_resources(rd_kafka_event_AlterConfigs_result(event), &count)
                for index in 0..<count {
                    try KafkaError.check(rd_kafka_ConfigResource_error(backhaul_config_resource(results, index)))
                }
            }
        }
    }

    /// Deletes the records before the offsets.
    func truncate(_ offsets: [TopicPartition: Int64]) async throws {
        guard !offsets.isEmpty else { return }
        try await call("truncating topics") {
            let list = PartitionList(capacity: offsets.count)
            for (partition, offset) in offsets { list.add(partition, offset: offset) }
            var all = OwnedObjects(rd_kafka_DeleteRecords_new(list.pointer)) { rd_kafka_DeleteRecords_destroy($0) }
            try Self.ask(handle.client, timeout) { queue in
                rd_kafka_DeleteRecords(handle.client, &all.pointers, 1, nil, queue)
            } answer: { event in
                let result = rd_kafka_event_DeleteRecords_result(event)
                for entry in PartitionList.entries(of: rd_kafka_DeleteRecords_result_offsets(result)) {
                    try KafkaError.check(entry.error)
                }
            }
        }
    }

    // MARK: Requests

    func call<Value: Sendable>(
        _ what: String, for patience: Duration = .zero, endsAtRefusal: Bool = false,
        _ body: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        do {
            return try await handle.retryUntilAnswered(for: patience, endsAtRefusal: endsAtRefusal, body)
        } catch let failure as KafkaError {
            throw failure.logError(what)
        }
    }

    /// Sends a request to a group's coordinator, with retries: the first group of a cluster makes the brokers create
    /// the topic of the positions, and librdkafka's own request can miss it.
    /// - Parameter once: the time-out in milliseconds of a single request, for a caller that retries itself.
    func callCoordinator<Value: Sendable>(
        _ what: String, once: Int? = nil, _ body: @escaping @Sendable (_ patience: Int) throws -> Value
    ) async throws -> Value {
        if let once { return try await call(what) { try body(once) } }
        let timeout = timeout
        return try await call(what, for: .milliseconds(timeout * 2)) { try body(min(timeout, 6_000)) }
    }

    /// Sends a request and waits for its answer, on the client's own thread.
    static func ask(
        _ client: OpaquePointer, _ timeout: Int, _ send: (OpaquePointer?) -> Void,
        answer: (OpaquePointer) throws -> Void
    ) throws {
        guard let made = rd_kafka_queue_new(client) else { throw KafkaError(RD_KAFKA_RESP_ERR__FAIL) }
        let queue = Owned(made) { rd_kafka_queue_destroy($0) }
        send(queue.object)
        // librdkafka itself gives up only after a minute.
        guard let polled = rd_kafka_queue_poll(queue.object, Int32(clamping: timeout)) else {
            throw KafkaError(RD_KAFKA_RESP_ERR__TIMED_OUT)
        }
        let event = Owned(polled) { rd_kafka_event_destroy($0) }
        let code = rd_kafka_event_error(event.object)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
            throw KafkaError(code, rd_kafka_event_error_string(event.object).map { String(cString: $0) })
        }
        try answer(event.object)
    }

    private static func text(_ buffer: [CChar]) -> String {
        String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
