internal import BackhaulLog
internal import BackhaulUnits
internal import CLibrdkafka
internal import Synchronization

/// Blocking requests to the brokers.
extension KafkaHandle {
    /// Runs a blocking call on the client's own thread, and retries it while its error is temporary: a broker that has
    /// just become leader or coordinator, or that is not up yet.
    /// - Parameters:
    ///   - patience: how long to retry.
    ///   - endsAtRefusal: whether a failed authentication ends the retries: for the first request of a client, whose
    ///     password or certificate may be wrong. Later, a broker that is starting may reject the client for a moment.
    /// - Throws: `KafkaError`; `CancellationError`.
    func retryUntilAnswered<Value: Sendable>(
        for patience: Duration, endsAtRefusal: Bool = false, _ body: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        let start = ContinuousClock.now
        refusal.withLock { $0 = nil }
        while true {
            do {
                return try await calls.ask(body)
            } catch let failure as KafkaError {
                if endsAtRefusal, let refusal = refusal.withLock({ $0 }) { throw refusal }
                let asked = ContinuousClock.now - start
                // The other brokers may not know a topic yet that one broker has just created.
                guard failure.passes && asked < patience || failure.isUnknownTopic && asked < .seconds(3) else {
                    throw failure
                }
                // No event reports the end of an election.
                if failure.code != RD_KAFKA_RESP_ERR__TIMED_OUT { try await Task.sleep(for: .milliseconds(100)) }
            }
        }
    }

    /// The first offset of each partition at or after a time (milliseconds since 1970, or an edge); -1 for none.
    /// - Throws: `LogError`.
    func offsets(_ partitions: [TopicPartition], time: Int64, timeout: Int) async throws -> [TopicPartition: Int64] {
        guard !partitions.isEmpty else { return [:] }
        do {
            return try await retryUntilAnswered(for: .milliseconds(timeout)) { [self] in
                let list = PartitionList(capacity: partitions.count)
                for partition in partitions { list.add(partition, offset: time) }
                try KafkaError.check(rd_kafka_offsets_for_times(client, list.pointer, Int32(clamping: timeout)))
                for entry in list.entries { try KafkaError.check(entry.error) }
                return Dictionary(list.entries.map { ($0.partition, $0.offset) }) { first, _ in first }
            }
        } catch let failure as KafkaError {
            throw failure.logError("querying offsets of \(partitions[0].topic)", topic: partitions[0].topic)
        }
    }

    /// The positions of this client's group in these partitions; a partition without one is left out. Waits at most
    /// `timeout` milliseconds for open transactions that move them.
    /// - Throws: `KafkaError`.
    func committed(_ partitions: [TopicPartition], timeout: Int) async throws -> [TopicPartition: GroupPosition] {
        let entries = try await calls.run { [self] () throws -> [PartitionList.Entry] in
            let list = PartitionList(partitions)
            try KafkaError.check(rd_kafka_committed(client, list.pointer, Int32(clamping: timeout)))
            return list.entries
        }
        var positions: [TopicPartition: GroupPosition] = [:]
        for entry in entries {
            try KafkaError.check(entry.error)
            guard entry.offset >= 0 else { continue }
            positions[entry.partition] = entry.position
        }
        return positions
    }
}
