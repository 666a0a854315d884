internal import BackhaulLog
internal import CLibrdkafka

/// Settles without transactions: the records first, durably, then the positions. After a crash between the two the next
/// owner starts at the old positions and writes the records again: at-least-once.
actor AtLeastOnceCommitter: Committer {
    private nonisolated let loop: KafkaLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.executor.asUnownedSerialExecutor() }

    nonisolated let writer: String? = nil
    private let appender: KafkaAppender
    private let member: @Sendable (String) async -> KafkaHandle?
    private let failPoint: @Sendable (String) throws -> Void

    /// - Parameter member: returns the consumer of a group, which knows its generation.
    init(
        appender: KafkaAppender, loop: KafkaLoop, failPoint: @escaping @Sendable (String) throws -> Void,
        member: @escaping @Sendable (String) async -> KafkaHandle?
    ) {
        self.appender = appender
        self.loop = loop
        self.failPoint = failPoint
        self.member = member
    }

    func prepare() {}

    func commit(_ batch: SettleBatch) async throws {
        _ = try await appender.append(batch.records)
        for group in batch.groups {
            guard let handle = await member(group) else { throw LogError.closed }
            let moves = batch.moves.filter { $0.group == group }
            do {
                try await handle.calls.run {
                    let list = PartitionList(capacity: moves.count)
                    for move in moves {
                        list.add(move.partition, offset: move.position.frontier, metadata: move.position.map)
                    }
                    try KafkaError.check(rd_kafka_commit(handle.client, list.pointer, 0))
                    for entry in list.entries { try KafkaError.check(entry.error) }
                }
            } catch let failure as KafkaError {
                throw SettleError.aborted(failure)
            }
        }
    }

    func close() async { await appender.close() }
}
