internal import BackhaulLog
internal import CLibrdkafka

/// Positions and members of groups.
extension KafkaAdmin {
    /// The group's positions in these partitions; a partition without one is left out.
    func positions(of group: String, in partitions: [TopicPartition]) async throws -> [TopicPartition: GroupPosition] {
        // Waits for a settlement that has returned but is not in the positions yet.
        let entries = try await entries(of: group, in: partitions, areStable: true, allowing: [])
        return Dictionary(entries.map { ($0.partition, $0.position) }) { first, _ in first }
    }

    /// The time-out in milliseconds of a request that the caller retries.
    private static let moment = 2_000

    /// The positions that an open transaction is about to move, as they are before it.
    func unstablePositions(of group: String, in partitions: [TopicPartition]) async throws
        -> [TopicPartition: OpenTransactions.Mark]
    {
        let open = try await entries(
            of: group, in: partitions, areStable: true, allowing: [RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT],
            patience: Self.moment
        ).filter { $0.error != RD_KAFKA_RESP_ERR_NO_ERROR }.map(\.partition)
        let before = try await entries(of: group, in: open, areStable: false, allowing: [], patience: Self.moment)
        return Dictionary(
            before.map {
                let writer = CommitMetadata(text: $0.metadata).writer
                return ($0.partition, OpenTransactions.Mark(offset: $0.offset, writer: writer))
            }
        ) { first, _ in first }
    }

    /// The client ids of a group's members.
    func clients(of group: String) async throws -> Set<String> {
        try await call("reading the members of '\(group)'") {
            var clients: Set<String> = []
            try group.withCString { name in
                var names: [UnsafePointer<CChar>?] = [name]
                try Self.ask(handle.client, Self.moment) { queue in
                    rd_kafka_DescribeConsumerGroups(handle.client, &names, 1, nil, queue)
                } answer: { event in
                    var count = 0
                    let results = rd_kafka_DescribeConsumerGroups_result_groups(
                        rd_kafka_event_DescribeConsumerGroups_result(event), &count)
                    for index in 0..<count {
                        let found = backhaul_group_description(results, index)
                        try KafkaError.check(borrowing: rd_kafka_ConsumerGroupDescription_error(found))
                        for number in 0..<rd_kafka_ConsumerGroupDescription_member_count(found) {
                            let member = rd_kafka_ConsumerGroupDescription_member(found, number)
                            guard let client = rd_kafka_MemberDescription_client_id(member) else { continue }
                            clients.insert(String(cString: client))
                        }
                    }
                }
            }
            return clients
        }
    }

    /// The coordinator's entries for the partitions in which the group has a position.
    /// - Parameters:
    ///   - areStable: whether a position that an open transaction is about to move is an error; if not, the entry is
    ///     the position before the transaction.
    ///   - allowing: errors of a partition that are returned in its entry instead of thrown.
    ///   - patience: the time-out in milliseconds of a single request; nil to retry as `callCoordinator` does.
    private func entries(
        of group: String, in partitions: [TopicPartition], areStable: Bool, allowing: [rd_kafka_resp_err_t],
        patience: Int? = nil
    ) async throws -> [PartitionList.Entry] {
        guard !partitions.isEmpty else { return [] }
        return try await callCoordinator("reading the positions of '\(group)'", once: patience) { patience in
            let list = PartitionList(partitions)
            var all = OwnedObjects(rd_kafka_ListConsumerGroupOffsets_new(group, list.pointer)) {
                rd_kafka_ListConsumerGroupOffsets_destroy($0)
            }
            var entries: [PartitionList.Entry] = []
            let options = rd_kafka_AdminOptions_new(handle.client, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS)
            let owner = OwnedObjects(options) { rd_kafka_AdminOptions_destroy($0) }
            defer { extendLifetime(owner) }
            try KafkaError.check(rd_kafka_AdminOptions_set_require_stable_offsets(options, areStable ? 1 : 0))
            try Self.ask(handle.client, patience) { queue in
                rd_kafka_ListConsumerGroupOffsets(handle.client, &all.pointers, 1, options, queue)
            } answer: { event in
                var count = 0
                let results = rd_kafka_ListConsumerGroupOffsets_result_groups(
                    rd_kafka_event_ListConsumerGroupOffsets_result(event), &count)
                entries = try Self.entries(results, count, allowing: allowing)
            }
            return entries.filter { $0.offset >= 0 || $0.error != RD_KAFKA_RESP_ERR_NO_ERROR }
        }
    }

    /// Sets the positions of a group that has no members.
    func setPositions(_ positions: [TopicPartition: GroupPosition], of group: String) async throws {
        guard !positions.isEmpty else { return }
        try await callCoordinator("setting the positions of '\(group)'") { patience in
            let list = PartitionList(capacity: positions.count)
            for (partition, position) in positions {
                list.add(partition, offset: position.frontier, metadata: position.map)
            }
            var all = OwnedObjects(rd_kafka_AlterConsumerGroupOffsets_new(group, list.pointer)) {
                rd_kafka_AlterConsumerGroupOffsets_destroy($0)
            }
            try Self.ask(handle.client, patience) { queue in
                rd_kafka_AlterConsumerGroupOffsets(handle.client, &all.pointers, 1, nil, queue)
            } answer: { event in
                var count = 0
                let results = rd_kafka_AlterConsumerGroupOffsets_result_groups(
                    rd_kafka_event_AlterConsumerGroupOffsets_result(event), &count)
                _ = try Self.entries(results, count, allowing: [])
            }
        }
    }

    /// The entries of the results of groups.
    private static func entries(
        _ results: UnsafeMutablePointer<OpaquePointer?>?, _ count: Int, allowing: [rd_kafka_resp_err_t]
    ) throws -> [PartitionList.Entry] {
        try (0..<count).flatMap { index in
            let result = backhaul_group_result(results, index)
            try KafkaError.check(borrowing: rd_kafka_group_result_error(result))
            let entries = PartitionList.entries(of: rd_kafka_group_result_partitions(result))
            for entry in entries where !allowing.contains(entry.error) { try KafkaError.check(entry.error) }
            return entries
        }
    }
}
