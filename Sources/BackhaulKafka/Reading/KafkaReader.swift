internal import BackhaulLog
internal import BackhaulLoop
internal import CLibrdkafka

/// Reads partitions without a group, page by page, and tells when there is more.
///
/// A partition that was read stays open at its cursor: the next page goes on from what was fetched meanwhile, and a
/// record that arrives there is news for `changes`.
actor KafkaReader {
    /// By reference: a page takes thousands of records from it.
    private final class Open {
        let topic: OpaquePointer
        let queue: PartitionQueue
        var cursor: Int64
        var lastUse: Int
        /// The length of the queue when it was last looked at.
        var seen = 0
        /// The next record, where one was taken that nobody had asked for yet.
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

    private let scout: KafkaScout
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

    /// Reads under way, by partition: such a partition is not shut for another.
    private var busy: [TopicPartition: Int] = [:]

    /// - Parameter scout: asks where partitions begin and end.
    init(_ clients: KafkaClients, scout: KafkaScout) {
        self.clients = clients
        self.scout = scout
    }

    // MARK: Pages

    func read(_ partition: TopicPartition, from offset: Int64, records limit: Int, bytes: Int) async throws -> ReadPage
    {
        try await using(partition) {
            try await readHeld(partition, from: offset, records: limit, bytes: bytes)
        }
    }

    /// Runs `body` with the partition's lock in hand; the partition is not shut meanwhile.
    private func using<Value: Sendable>(
        _ partition: TopicPartition, _ body: () async throws -> Value
    ) async throws -> Value {
        let lock = locks[partition] ?? FIFOLock()
        locks[partition] = lock
        busy[partition, default: 0] += 1
        defer { busy[partition] = busy[partition].flatMap { $0 > 1 ? $0 - 1 : nil } }
        return try await lock.withLock { try await body() }
    }

    /// `read` with the partition's lock in hand.
    private func readHeld(
        _ partition: TopicPartition, from offset: Int64, records limit: Int, bytes: Int
    ) async throws -> ReadPage {
        let end = try await scout.edges([partition], .end)[partition] ?? 0
        try await position(partition, at: offset)
        guard let reader = open[partition] else { throw LogError.closed }
        var page = ReadPage(records: [], next: offset, end: end)
        var size = 0
        let patience = Duration.milliseconds(options.requestTimeout)
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
                // librdkafka goes on by itself, from the earliest record if need be.
                continue
            case nil:
                let now = ContinuousClock.now
                if let deadline, now >= deadline {
                    throw LogError.unavailable("reading \(partition): nothing came for \(patience)")
                }
                deadline = deadline ?? now + patience
                // Empty now: whatever comes is more than was seen, and wakes the wait.
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

    /// What has been fetched by now. It asks the brokers nothing: a partition that is open at the offset costs a look at its
    /// queue.
    ///
    /// A partition that another reader has left at another offset is read as ever, lock in hand until its records are there.
    /// Only to open it anew would starve two readers: A at 106 throws away what was fetched for B at 100, finds nothing yet
    /// and waits for the news; B, woken by the same news, throws away what was fetched for A; and so on.
    func tail(_ partition: TopicPartition, from offset: Int64, records limit: Int, bytes: Int) async throws -> ReadPage
    {
        try await using(partition) {
            guard let reader = open[partition], reader.cursor == offset else {
                return try await readHeld(partition, from: offset, records: limit, bytes: bytes)
            }
            uses += 1
            reader.lastUse = uses
            var page = ReadPage(records: [], next: offset, end: offset)
            var size = 0
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
            // Empty now: whatever comes is more than was seen.
            if isEmpty { reader.seen = 0 }
            // With more in the queue there is an end beyond, wherever it is.
            page.end = isEmpty ? page.next : page.next + 1
            return page
        }
    }

    /// Empties the queue of a partition that has been read to its end. A queue raises its event when it becomes non-empty,
    /// and only then: with the word of the partition's end left in it, the next record would come without any news.
    private func drain(_ partition: TopicPartition, _ page: inout ReadPage) {
        // Taken earlier, and younger than the end that was asked for now: brokers may answer with an older one.
        if open[partition]?.ahead != nil { tellChange() }
        while open[partition]?.ahead == nil, let item = open[partition]?.queue.take() {
            switch item {
            case .record(let stored):
                // Younger than the end that was asked for: the next read's, and there is no other news of it.
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

    /// Opens what is not open, all at once: each that is opened by itself waits for a fetch that is on its way without it.
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
        if let handle { await clients.close(handle) }
        handle = nil
    }

    // MARK: Open partitions

    private func working() throws -> KafkaHandle {
        guard !isClosed else { throw LogError.closed }
        if let handle { return handle }
        let made = try clients.open(
            .reader, name: "reader", properties: ["isolation.level": "read_committed"])
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
        if open.count >= options.openPartitions {
            // Never one that is read: its reader would find it gone and take that for the end of the log.
            let idle = open.filter { busy[$0.key] == nil }
            if let oldest = idle.min(by: { $0.value.lastUse < $1.value.lastUse }) {
                await shut(oldest.key, unlessUsedSince: oldest.value.lastUse)
            }
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

    /// Shuts what nobody has read since the last call, unless somebody watches for changes: every broker is asked for each
    /// open partition in every fetch.
    func shutUnread() async {
        let usesBefore = usesAtLastUpkeep
        usesAtLastUpkeep = uses
        guard watchers.isEmpty else { return }
        for (partition, reader) in open where reader.lastUse <= usesBefore {
            await shut(partition, unlessUsedSince: reader.lastUse)
        }
    }

    /// How many partitions are open.
    var openCount: Int { open.count }

    /// Shuts another's partition with its lock in hand. Without it: A has `b` stopped on the client's thread; B finds `b` shut
    /// and starts it meanwhile; A's stop comes after B's start, and B waits for records that nobody fetches.
    private func shut(_ partition: TopicPartition, unlessUsedSince use: Int) async {
        _ = try? await using(partition) {
            guard open[partition]?.lastUse == use else { return }
            await shut(partition)
        }
    }

    /// Shuts a partition whose lock is in hand, or that nobody reads any more.
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

    /// Unchecked: its owner has let go of them; only the client's own thread uses them from here on.
    private struct Parts: @unchecked Sendable {
        let topic: OpaquePointer
        let queue: OpaquePointer
        let number: Int32
    }
}
