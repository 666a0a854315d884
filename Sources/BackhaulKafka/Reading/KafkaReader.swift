internal import BackhaulLog
internal import BackhaulLoop
internal import BackhaulUnits
internal import CLibrdkafka

/// Reads partitions without a group, page by page, and reports changes.
///
/// A partition stays open at its cursor after a read: the next page begins with the records fetched meanwhile, and a
/// record that arrives there is reported to `changes`.
actor KafkaReader {
    /// An open partition. A class, since a page changes it thousands of times.
    private final class Open {
        let topic: OpaquePointer
        let queue: PartitionQueue
        var cursor: Int64
        var lastUse: Int
        /// The length of the queue at the last check.
        var seen = 0
        /// The next record, if `drain` has already taken it from the queue.
        var ahead: StoredRecord?

        init(topic: OpaquePointer, queue: PartitionQueue, cursor: Int64, lastUse: Int) {
            self.topic = topic
            self.queue = queue
            self.cursor = cursor
            self.lastUse = lastUse
        }

        func take() -> PartitionQueue.Item? {
            guard let record = ahead else { return queue.take() }
            ahead = nil
            return .record(record)
        }
    }

    private let clients: KafkaClients
    nonisolated var unownedExecutor: UnownedSerialExecutor { clients.loop.executor.asUnownedSerialExecutor() }

    private let queryClient: KafkaQueryClient
    private let kind: KafkaHandle.Kind
    private let openPartitions: Int
    private var loop: KafkaLoop { clients.loop }
    private var options: KafkaOptions { clients.options }
    private nonisolated let news = Signal()
    private var handle: KafkaHandle?
    private var woken: Int?
    private var open: [TopicPartition: Open] = [:]
    private var locks: [TopicPartition: FIFOLock] = [:]
    private var watchers: [Int: AsyncStream<Void>.Continuation] = [:]
    private var uses = 0
    private var usesAtLastUpkeep = 0
    private var isClosed = false

    /// The number of running reads, by partition; such a partition is not closed to make room for another.
    private var busy: [TopicPartition: Int] = [:]

    /// - Parameters:
    ///   - kind: `reader` or `scanner`.
    ///   - queryClient: queries the ends of partitions.
    ///   - openPartitions: as many stay open.
    init(_ clients: KafkaClients, _ kind: KafkaHandle.Kind, queryClient: KafkaQueryClient, openPartitions: Int) {
        self.clients = clients
        self.kind = kind
        self.queryClient = queryClient
        self.openPartitions = openPartitions
    }

    // MARK: Pages

    func read(_ partition: TopicPartition, from offset: Int64, records limit: Int, bytes: ByteCount) async throws
        -> ReadPage
    {
        try await using(partition) {
            try await readHeld(partition, from: offset, records: limit, bytes: bytes)
        }
    }

    /// Runs `body` with the partition's lock; the partition is not closed to make room meanwhile.
    private func using<Value: Sendable>(
        _ partition: TopicPartition, _ body: () async throws -> Value
    ) async throws -> Value {
        let lock = locks[partition] ?? FIFOLock()
        locks[partition] = lock
        busy[partition, default: 0] += 1
        defer { busy[partition] = busy[partition].flatMap { $0 > 1 ? $0 - 1 : nil } }
        return try await lock.withLock { try await body() }
    }

    /// As `read`; the caller holds the partition's lock.
    private func readHeld(
        _ partition: TopicPartition, from offset: Int64, records limit: Int, bytes: ByteCount
    ) async throws -> ReadPage {
        let end = try await queryClient.edges([partition], .end)[partition] ?? 0
        try await position(partition, at: offset)
        guard let reader = open[partition] else { throw LogError.closed }
        var page = ReadPage(records: [], next: offset, end: end)
        var size = ByteCount.zero
        let patience = options.requestTimeout
        var deadline: ContinuousClock.Instant?
        while page.next < end, page.records.count < limit, size < bytes {
            guard !isClosed, open[partition] === reader else { throw LogError.closed }
            switch reader.take() {
            case .record(let stored):
                page.records.append(stored)
                size += stored.record.size
                page.next = stored.position.offset + 1
                deadline = nil
            case .end(let next):
                page.next = max(page.next, next)
            case .positionGone, .trouble:
                // librdkafka continues by itself, at the earliest record if necessary.
                continue
            case nil:
                let now = ContinuousClock.now
                if let deadline, now >= deadline {
                    throw LogError.unavailable("reading \(partition): no records arrived for \(patience)")
                }
                deadline = deadline ?? now + patience
                // The queue is empty: any new message makes it longer than `seen` and ends the wait.
                reader.seen = 0
                await news.wait(for: .milliseconds(200))
                try Task.checkCancellation()
            }
            reader.cursor = page.next
        }
        if page.next >= end { drain(partition, &page) }
        page.end = max(page.end, page.next)
        return page
    }

    /// The records fetched so far. Sends no request when the partition is open at the offset: it only reads the queue.
    ///
    /// A partition that another reader has left at another offset is read as by `read`, which holds the lock until the
    /// records have arrived. Only reopening it would starve two readers: A at 106 discards what was fetched for B at
    /// 100, finds nothing yet and waits for a change; B, woken by the same change, discards what was fetched for A; and
    /// so on.
    func tail(_ partition: TopicPartition, from offset: Int64, records limit: Int, bytes: ByteCount) async throws
        -> ReadPage
    {
        try await using(partition) {
            guard let reader = open[partition], reader.cursor == offset else {
                return try await readHeld(partition, from: offset, records: limit, bytes: bytes)
            }
            uses += 1
            reader.lastUse = uses
            var page = ReadPage(records: [], next: offset, end: offset)
            var size = ByteCount.zero
            var isEmpty = false
            while !isEmpty, page.records.count < limit, size < bytes {
                switch reader.take() {
                case .record(let stored):
                    page.records.append(stored)
                    size += stored.record.size
                    page.next = stored.position.offset + 1
                case .end(let next): page.next = max(page.next, next)
                case .positionGone, .trouble: continue
                case nil: isEmpty = true
                }
            }
            reader.cursor = page.next
            // The queue is empty: any new message makes it longer than `seen`.
            if isEmpty { reader.seen = 0 }
            // With more in the queue the end is somewhere after `next`.
            page.end = isEmpty ? page.next : page.next + 1
            return page
        }
    }

    /// Empties the queue of a partition that has been read to its end. A queue raises its event only when it becomes
    /// non-empty: if the message for the end of the partition stayed in it, the next record would raise no event.
    private func drain(_ partition: TopicPartition, _ page: inout ReadPage) {
        // An earlier drain took this record. It is beyond the end just queried, since brokers may return an older end.
        if open[partition]?.ahead != nil { tellChange() }
        while open[partition]?.ahead == nil, let item = open[partition]?.queue.take() {
            switch item {
            case .record(let stored):
                // A record beyond the queried end: kept for the next read, and reported, since no event follows.
                open[partition]?.ahead = stored
                tellChange()
            case .end(let next):
                page.next = max(page.next, next)
                open[partition]?.cursor = page.next
            case .positionGone, .trouble: continue
            }
        }
        open[partition]?.seen = 0
    }

    // MARK: Changes

    /// Opens all these partitions together: opened one by one, each would wait for a fetch that was sent without it.
    func watch(_ cursors: [TopicPartition: Int64]) async throws {
        for (partition, offset) in cursors where open[partition] == nil {
            try await using(partition) {
                if open[partition] == nil { try await position(partition, at: offset) }
            }
        }
    }

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

    /// Reports a change when the queue of an open partition has grown.
    private func lookAtQueues() {
        var grown = false
        for reader in open.values {
            let length = Int(rd_kafka_queue_length(reader.queue.pointer))
            if length > reader.seen { grown = true }
            reader.seen = length
        }
        guard grown else { return }
        news.raise()
        for watcher in watchers.values { watcher.yield() }
    }

    /// Reports a change at once after an append through this log, without waiting for the brokers.
    func tellChange() {
        for watcher in watchers.values { watcher.yield() }
    }

    func close() async {
        isClosed = true
        news.raise()
        for watcher in watchers.values { watcher.finish() }
        watchers = [:]
        let parts = open.map { take($1, of: $0) }
        open = [:]
        if let woken { loop.forget(woken) }
        guard let handle else { return }
        self.handle = nil
        await clients.close(handle) { for part in parts { part.stop() } }
    }

    // MARK: Open partitions

    private func readyHandle() throws -> KafkaHandle {
        guard !isClosed else { throw LogError.closed }
        if let handle { return handle }
        let made = try clients.open(
            kind, name: "\(kind)", properties: ["isolation.level": "read_committed"])
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
        if open.count >= openPartitions {
            // Never one that is being read: its reader would find it missing and report the log as closed.
            let idle = open.filter { busy[$0.key] == nil }
            if let oldest = idle.min(by: { $0.value.lastUse < $1.value.lastUse }) {
                await shut(oldest.key, unlessUsedSince: oldest.value.lastUse)
            }
        }
        let handle = try readyHandle()
        guard let topic = rd_kafka_topic_new(handle.client, partition.topic, nil),
            let pointer = rd_kafka_queue_new(handle.client)
        else { throw LogError.unavailable("reading \(partition): librdkafka cannot create a reader") }
        let code = rd_kafka_consume_start_queue(topic, Int32(clamping: partition.partition), offset, pointer)
        guard code == 0 else {
            rd_kafka_queue_destroy(pointer)
            rd_kafka_topic_destroy(topic)
            throw KafkaError(rd_kafka_last_error()).logError("reading \(partition)", topic: partition.topic)
        }
        loop.watch(pointer)
        open[partition] = Open(
            topic: topic, queue: PartitionQueue(partition: partition, pointer: pointer), cursor: offset, lastUse: uses)
    }

    /// Closes the partitions that were not read since the last call, unless a stream of changes exists: every fetch
    /// asks the brokers for each open partition.
    func shutUnread() async {
        let usesBefore = usesAtLastUpkeep
        usesAtLastUpkeep = uses
        guard watchers.isEmpty else { return }
        for (partition, reader) in open where reader.lastUse <= usesBefore {
            await shut(partition, unlessUsedSince: reader.lastUse)
        }
    }

    func isOpen(_ partition: TopicPartition) -> Bool { open[partition] != nil }

    /// The number of open partitions.
    var openCount: Int { open.count }

    /// Closes a partition of another reader with its lock. Without the lock: A stops partition `b` on the client's
    /// thread; B finds `b` closed and starts it meanwhile; A's stop takes effect after B's start, and B waits for
    /// records that are never fetched.
    private func shut(_ partition: TopicPartition, unlessUsedSince use: Int) async {
        _ = try? await using(partition) {
            guard open[partition]?.lastUse == use else { return }
            await shut(partition)
        }
    }

    /// Closes a partition. The caller holds its lock, or nothing reads it any more.
    private func shut(_ partition: TopicPartition) async {
        guard let reader = open.removeValue(forKey: partition), let handle else { return }
        let parts = take(reader, of: partition)
        _ = try? await handle.calls.run { parts.stop() }
    }

    /// Takes the queue from the loop.
    private func take(_ reader: Open, of partition: TopicPartition) -> Parts {
        loop.unwatch(reader.queue.pointer)
        return Parts(topic: reader.topic, queue: reader.queue.pointer, number: Int32(clamping: partition.partition))
    }

    /// Unchecked: the actor no longer uses them; only the client's own thread does.
    private struct Parts: @unchecked Sendable {
        let topic: OpaquePointer
        let queue: OpaquePointer
        let number: Int32

        /// Blocks until the client has stopped fetching.
        func stop() {
            rd_kafka_consume_stop(topic, number)
            rd_kafka_queue_destroy(queue)
            rd_kafka_topic_destroy(topic)
        }
    }
}
