internal import BackhaulLog
internal import BackhaulUnits
internal import CLibrdkafka
internal import Logging

/// Appends with an idempotent producer: each record once and in order, durable when the call returns.
///
/// Runs on the log's loop, where delivery reports arrive as events and complete the calls that wait for them.
actor KafkaAppender {
    private struct Batch {
        var positions: [LogPosition?]
        var open: Int
        var failure: KafkaError?
        let continuation: CheckedContinuation<[LogPosition], any Error>
    }

    private let clients: KafkaClients
    nonisolated var unownedExecutor: UnownedSerialExecutor { clients.loop.executor.asUnownedSerialExecutor() }

    private let name: String
    private var handle: KafkaHandle?
    private var batches: [Int: Batch] = [:]
    private var nextBatch = 0
    private var isClosed = false

    /// The tag of a record is the number of its batch, then its index in the batch plus 1 in this many bits.
    private static let indexBits = 20

    init(name: String, clients: KafkaClients) {
        self.name = name
        self.clients = clients
    }

    /// - Returns: the positions of the records, in order.
    /// - Throws: `LogError`. After `unavailable` some of the records may be in the log.
    func append(_ records: [(TopicPartition, LogRecord)]) async throws -> [LogPosition] {
        guard !records.isEmpty else { return [] }
        guard !isClosed else { throw LogError.closed }
        let handle = try await readyHandle()
        guard !isClosed else { throw LogError.closed }
        do {
            return try await withCheckedThrowingContinuation { continuation in
                nextBatch += 1
                let number = nextBatch
                batches[number] = Batch(
                    positions: Array(repeating: nil, count: records.count), open: records.count,
                    continuation: continuation)
                for (index, (partition, record)) in records.enumerated() {
                    do throws(KafkaError) {
                        try RecordTransport.produce(
                            record, to: partition, tag: number << Self.indexBits | (index + 1), with: handle.client)
                    } catch {
                        // The delivery reports of the earlier records complete the rest of the batch.
                        batches[number]?.failure = error
                        close(number, count: records.count - index)
                        break
                    }
                }
            }
        } catch let failure as KafkaError {
            if failure.code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE {
                throw LogError.recordTooLarge(
                    size: records.map { $0.1.size }.max() ?? .zero, limit: clients.options.maximumRecordSize)
            }
            throw failure.logError("appending to \(records[0].0.topic)", topic: records[0].0.topic)
        }
    }

    func close() async {
        isClosed = true
        await discard { LogError.closed }
    }

    // MARK: The producer

    /// The producer; created when there is none, and again after a fatal error.
    private func readyHandle() async throws -> KafkaHandle {
        if let handle, let failure = handle.fatalError {
            clients.logger.warning("creating the producer again after a fatal error", metadata: ["error": "\(failure)"])
            await discard { failure }
        }
        // Another call may have created one during the suspension.
        if let handle { return handle }
        let made = try clients.open(
            .producer, name: name, properties: ["message.timeout.ms": String(clients.options.requestMilliseconds)]
        ) { [weak self] event in
            self?.assumeIsolated { $0.report(event) }
        }
        handle = made
        return made
    }

    /// Closes the producer. Its outstanding records get no delivery reports, so their calls fail first, before anything
    /// is appended with a new producer.
    private func discard(_ reason: () -> any Error) async {
        guard let old = handle else { return }
        handle = nil
        let waiting = batches.sorted { $0.key < $1.key }
        batches = [:]
        for (_, batch) in waiting { batch.continuation.resume(throwing: batch.failure ?? reason()) }
        await clients.close(old)
    }

    private func report(_ event: KafkaLoop.Event) {
        guard rd_kafka_event_type(event.pointer) == RD_KAFKA_EVENT_DR else { return }
        while let message = rd_kafka_event_message_next(event.pointer) {
            let tag = Int(bitPattern: message.pointee._private)
            let number = tag >> Self.indexBits
            let index = (tag & (1 << Self.indexBits - 1)) - 1
            if message.pointee.err == RD_KAFKA_RESP_ERR_NO_ERROR, let topic = message.pointee.rkt {
                let partition = TopicPartition(
                    topic: String(cString: rd_kafka_topic_name(topic)), partition: Int(message.pointee.partition))
                batches[number]?.positions[index] = LogPosition(partition: partition, offset: message.pointee.offset)
            } else {
                batches[number]?.failure = KafkaError(message.pointee.err)
            }
            close(number, count: 1)
        }
    }

    /// Counts records of a batch as reported; completes the batch with the last one.
    private func close(_ number: Int, count: Int) {
        guard var batch = batches[number] else { return }
        batch.open -= count
        batches[number] = batch
        guard batch.open == 0 else { return }
        batches[number] = nil
        if let failure = batch.failure {
            batch.continuation.resume(throwing: failure)
        } else {
            batch.continuation.resume(returning: batch.positions.compactMap { $0 })
        }
    }
}
