internal import BackhaulLog
internal import BackhaulLoop
internal import CLibrdkafka
internal import Foundation
internal import Logging
internal import Synchronization

/// Reads partitions without a group, page by page, and tells when there is more.
///
/// A partition that was read stays open at its cursor: the next page goes on from what was fetched meanwhile, and a
/// record that arrives there is news for `changes`.
actor KafkaReader {
    private struct Open {
        let topic: OpaquePointer
        let queue: PartitionQueue
        var cursor: Int64
        var lastUse: Int
        /// The length of the queue when it was last looked at.
        var seen = 0
    }

    private nonisolated let loop: KafkaLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.executor.asUnownedSerialExecutor() }

    private let options: KafkaOptions
    private let statistics: KafkaStatistics
    private let logger: Logger
    private nonisolated let news = Signal()
    private var handle: KafkaHandle?
    private var served: Int?
    private var woken: Int?
    private var open: [TopicPartition: Open] = [:]
    private var locks: [TopicPartition: FIFOLock] = [:]
    private var watchers: [Int: AsyncStream<Void>.Continuation] = [:]
    private var uses = 0
    private var isClosed = false

    private static let openAtMost = 256

    init(loop: KafkaLoop, options: KafkaOptions, statistics: KafkaStatistics, logger: Logger) {
        self.loop = loop
        self.options = options
        self.statistics = statistics
        self.logger = logger
    }

    // MARK: Pages

    func read(_ partition: TopicPartition, from offset: Int64, records limit: Int, bytes: Int) async throws -> ReadPage
    {
        let lock = locks[partition] ?? FIFOLock()
        locks[partition] = lock
        return try await lock.withLock {
            let end = try await bounds([partition], at: .end)[partition] ?? 0
            try await position(partition, at: offset)
            var page = ReadPage(records: [], next: offset, end: end)
            var size = 0
            let patience = Duration.milliseconds(options.requestTimeout)
            var deadline = ContinuousClock.now + patience
            while page.next < end, page.records.count < limit, size < bytes {
                guard !isClosed, open[partition] != nil else { throw LogError.closed }
                switch open[partition]?.queue.take() {
                case .record(let stored):
                    page.records.append(stored)
                    size += stored.record.size
                    page.next = stored.position.offset + 1
                    deadline = ContinuousClock.now + patience
                case .end(let next):
                    page.next = max(page.next, next)
                case .positionGone, .trouble:
                    // librdkafka goes on by itself, from the earliest record if need be.
                    continue
                case nil:
                    guard ContinuousClock.now < deadline else {
                        throw LogError.unavailable("reading \(partition): nothing came for \(patience)")
                    }
                    await KafkaSession.wait(news, for: .milliseconds(200))
                }
                open[partition]?.cursor = page.next
            }
            page.end = max(page.end, page.next)
            return page
        }
    }

    enum Edge: Int64, Sendable {
        case earliest = -2
        /// Behind the last record that a reader may see.
        case end = -1
    }

    /// One edge of each partition.
    func bounds(_ partitions: [TopicPartition], at edge: Edge) async throws -> [TopicPartition: Int64] {
        let handle = try working()
        return try await Self.offsets(partitions, time: edge.rawValue, handle, timeout: options.requestTimeout)
    }

    /// The first offset of each partition whose record is not older than a time in milliseconds since 1970; -1 for none.
    func offsets(_ partitions: [TopicPartition], since time: Int64) async throws -> [TopicPartition: Int64] {
        try await Self.offsets(partitions, time: time, try working(), timeout: options.requestTimeout)
    }

    /// The first offset of each partition at or behind a time (milliseconds since 1970; or an edge).
    static func offsets(
        _ partitions: [TopicPartition], time: Int64, _ handle: KafkaHandle, timeout: Int
    ) async throws -> [TopicPartition: Int64] {
        guard !partitions.isEmpty else { return [:] }
        do {
            return try await handle.calls.run {
                // A broker that has just become leader answers with an error that passes: asked again for a while.
                let deadline = ContinuousClock.now + .milliseconds(timeout)
                while true {
                    let list = PartitionList(capacity: partitions.count)
                    for partition in partitions { list.add(partition, offset: time) }
                    let code = rd_kafka_offsets_for_times(handle.client, list.pointer, Int32(clamping: timeout))
                    let failure =
                        code == RD_KAFKA_RESP_ERR_NO_ERROR
                        ? list.entries.first { $0.error != RD_KAFKA_RESP_ERR_NO_ERROR }.map { KafkaFailure($0.error) }
                        : KafkaFailure(code)
                    guard let failure else {
                        return Dictionary(list.entries.map { ($0.partition, $0.offset) }) { first, _ in first }
                    }
                    guard Self.passes(failure), ContinuousClock.now < deadline else { throw failure }
                    Thread.sleep(forTimeInterval: 0.1)
                }
            }
        } catch let failure as KafkaFailure {
            throw failure.logError("asking for offsets of \(partitions[0].topic)", topic: partitions[0].topic)
        }
    }

    private static func passes(_ failure: KafkaFailure) -> Bool {
        [
            RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE,
            RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE, RD_KAFKA_RESP_ERR__TRANSPORT,
            RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE, RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE,
            RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH, RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH,
        ].contains(failure.code)
    }

    // MARK: Changes

    func changes() -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        guard !isClosed else {
            continuation.finish()
            return stream
        }
        uses += 1
        let id = uses
        watchers[id] = continuation
        let executor = loop.executor
        continuation.onTermination = { [weak self] _ in
            executor.perform { [weak self] in self?.assumeIsolated { $0.watchers[id] = nil } }
        }
        return stream
    }

    private func lookAtQueues() {
        var grown = false
        for (partition, reader) in open {
            let length = Int(rd_kafka_queue_length(reader.queue.pointer))
            if length > reader.seen { grown = true }
            open[partition]?.seen = length
        }
        guard grown else { return }
        news.raise()
        for watcher in watchers.values { watcher.yield() }
    }

    /// Somebody appended through this log: whoever waits for changes need not wait for the brokers to say so.
    func tellChange() {
        for watcher in watchers.values { watcher.yield() }
    }

    func close() async {
        isClosed = true
        news.raise()
        for watcher in watchers.values { watcher.finish() }
        watchers = [:]
        for partition in Array(open.keys) { await shut(partition) }
        if let woken { loop.forget(woken) }
        if let served { loop.unserve(served) }
        if let handle { await handle.destroy() }
        handle = nil
    }

    // MARK: Open partitions

    private func working() throws -> KafkaHandle {
        guard !isClosed else { throw LogError.closed }
        if let handle { return handle }
        let made = try KafkaHandle(
            .reader, name: "reader", options: options, properties: ["isolation.level": "read_committed"])
        let bridge = EventBridge(handle: made, tokens: options.tokens, statistics: statistics, logger: logger)
        served = loop.serve(made.queue) { event in _ = bridge.take(event) }
        woken = loop.wake { [weak self] in self?.assumeIsolated { $0.lookAtQueues() } }
        handle = made
        return made
    }

    private func position(_ partition: TopicPartition, at offset: Int64) async throws {
        uses += 1
        if open[partition]?.cursor == offset {
            open[partition]?.lastUse = uses
            return
        }
        await shut(partition)
        if open.count >= Self.openAtMost, let oldest = open.min(by: { $0.value.lastUse < $1.value.lastUse }) {
            await shut(oldest.key)
        }
        let handle = try working()
        guard let topic = rd_kafka_topic_new(handle.client, partition.topic, nil),
            let pointer = rd_kafka_queue_new(handle.client)
        else { throw LogError.unavailable("reading \(partition): no reader can be made") }
        let code = rd_kafka_consume_start_queue(topic, Int32(clamping: partition.partition), offset, pointer)
        guard code == 0 else {
            rd_kafka_queue_destroy(pointer)
            rd_kafka_topic_destroy(topic)
            throw KafkaFailure(rd_kafka_last_error()).logError("reading \(partition)", topic: partition.topic)
        }
        loop.watch(pointer)
        open[partition] = Open(
            topic: topic, queue: PartitionQueue(partition: partition, pointer: pointer), cursor: offset, lastUse: uses)
    }

    private func shut(_ partition: TopicPartition) async {
        guard let reader = open.removeValue(forKey: partition), let handle else { return }
        loop.unwatch(reader.queue.pointer)
        let parts = Parts(
            topic: reader.topic, queue: reader.queue.pointer, number: Int32(clamping: partition.partition))
        _ = try? await handle.calls.run {
            rd_kafka_consume_stop(parts.topic, parts.number)
            rd_kafka_queue_destroy(parts.queue)
            rd_kafka_topic_destroy(parts.topic)
        }
    }

    private struct Parts: @unchecked Sendable {
        let topic: OpaquePointer
        let queue: OpaquePointer
        let number: Int32
    }
}
