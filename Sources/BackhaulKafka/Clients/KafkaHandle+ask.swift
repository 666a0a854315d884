internal import BackhaulLog
internal import CLibrdkafka
internal import Synchronization

/// Questions that wait for the brokers' answer.
extension KafkaHandle {
    /// Makes a call that waits, on the client's own thread, and makes it again while its failure is of the kind that
    /// passes: a broker that has just become leader or coordinator, or one that is not there yet.
    /// - Parameters:
    ///   - patience: how long it is made again.
    ///   - endsAtRefusal: whether brokers that turn the client away end it at once: for the first question of a client,
    ///     whose password or certificate may be wrong. Later a broker that is starting may do so for a moment.
    /// - Throws: `KafkaFailure`; `CancellationError`.
    func asking<Value: Sendable>(
        for patience: Duration, endsAtRefusal: Bool = false, _ body: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        let start = ContinuousClock.now
        refusal.withLock { $0 = nil }
        while true {
            do {
                return try await calls.run(body)
            } catch let failure as KafkaFailure {
                if endsAtRefusal, let refusal = refusal.withLock({ $0 }) { throw refusal }
                let asked = ContinuousClock.now - start
                // A topic that one broker has just made the others may not have heard of.
                guard failure.passes && asked < patience || failure.isUnknownTopic && asked < .seconds(3) else {
                    throw failure
                }
                // Nothing tells when the brokers have settled it among themselves.
                if failure.code != RD_KAFKA_RESP_ERR__TIMED_OUT { try await Task.sleep(for: .milliseconds(100)) }
            }
        }
    }

    /// The first offset of each partition at or behind a time (milliseconds since 1970, or an edge); -1 for none.
    /// - Throws: `LogError`.
    func offsets(_ partitions: [TopicPartition], time: Int64, timeout: Int) async throws -> [TopicPartition: Int64] {
        guard !partitions.isEmpty else { return [:] }
        do {
            return try await asking(for: .milliseconds(timeout)) { [self] in
                let list = PartitionList(capacity: partitions.count)
                for partition in partitions { list.add(partition, offset: time) }
                try KafkaFailure.check(rd_kafka_offsets_for_times(client, list.pointer, Int32(clamping: timeout)))
                for entry in list.entries { try KafkaFailure.check(entry.error) }
                return Dictionary(list.entries.map { ($0.partition, $0.offset) }) { first, _ in first }
            }
        } catch let failure as KafkaFailure {
            throw failure.logError("asking for offsets of \(partitions[0].topic)", topic: partitions[0].topic)
        }
    }

    /// Where this client's group stands in these partitions. Waits for transactions that are still open there.
    /// - Throws: `KafkaFailure`.
    func committed(_ partitions: [TopicPartition], timeout: Int) async throws -> [TopicPartition: GroupPosition] {
        let entries = try await calls.run { [self] () throws -> [PartitionList.Entry] in
            let list = PartitionList(partitions)
            try KafkaFailure.check(rd_kafka_committed(client, list.pointer, Int32(clamping: timeout)))
            return list.entries
        }
        var positions: [TopicPartition: GroupPosition] = [:]
        for entry in entries {
            try KafkaFailure.check(entry.error)
            guard entry.offset >= 0 else { continue }
            positions[entry.partition] = entry.position
        }
        return positions
    }
}
