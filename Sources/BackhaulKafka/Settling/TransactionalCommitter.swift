internal import BackhaulLog
internal import BackhaulTelemetry
internal import CLibrdkafka

/// Settles by transactions: records and the positions of several groups appear together or not at all (KIP-98, KIP-447).
///
/// A transaction is open only while a batch is written. The calls wait, so they run on the producer's own thread; its
/// delivery reports are served by the loop meanwhile, without which a commit takes steps of 10 ms.
actor TransactionalCommitter: Committer {
    private let clients: KafkaClients
    nonisolated var unownedExecutor: UnownedSerialExecutor { clients.loop.executor.asUnownedSerialExecutor() }

    private let name: String
    private let transactionalID: String
    nonisolated var writer: String? { transactionalID }
    /// Milliseconds that making the producer known may take.
    private let patience: Int
    private let failPoint: @Sendable (String) throws -> Void
    private var handle: KafkaHandle?
    /// Whether the coordinator knows the producer.
    private var isInitialised = false

    /// - Parameter patience: milliseconds that making the producer known may take; by default what any question may.
    init(
        name: String, transactionalID: String, clients: KafkaClients, patience: Int? = nil,
        failPoint: @escaping @Sendable (String) throws -> Void = { _ in }
    ) {
        self.patience = patience ?? clients.options.requestTimeout
        self.name = name
        self.transactionalID = transactionalID
        self.clients = clients
        self.failPoint = failPoint
    }

    /// Makes the producer known to the cluster. After an `uncertain` failure that initialises the same id again, which
    /// ends what the old producer left: committed if the coordinator had its word, aborted if not. Only then do the
    /// groups' positions tell which.
    /// - Throws: `LogError.unsupported` when the brokers cannot do transactions; `unavailable`, `refused`.
    func prepare() async throws {
        _ = try await working()
    }

    /// Writes the batch.
    /// - Throws: `SettleFailure`; `LogError`, when not even a producer can be had: then nothing was written.
    func commit(_ batch: SettleBatch) async throws {
        let handle = try await working()
        let timeout = Int32(clamping: clients.options.transactionTimeout)
        let failPoint = failPoint
        let writer = transactionalID
        let start = ContinuousClock.now
        do {
            try await handle.calls.run {
                try Self.write(batch, as: writer, with: handle.client, timeout: timeout, failPoint)
            }
            clients.meters.transactions.add(1, ["committed"])
            clients.meters.commits.observe((ContinuousClock.now - start) / .seconds(1))
        } catch let failure as SettleFailure {
            if case .uncertain = failure {
                clients.meters.transactions.add(1, ["uncertain"])
                await discard()
            } else {
                clients.meters.transactions.add(1, ["aborted"])
            }
            throw failure
        }
    }

    func close() async {
        await discard()
    }

    // MARK: The transaction, on the producer's thread

    private static func write(
        _ batch: SettleBatch, as writer: String, with client: OpaquePointer, timeout: Int32,
        _ failPoint: (String) throws -> Void
    ) throws {
        let deadline = ContinuousClock.now + .milliseconds(Int(timeout))
        do {
            try KafkaFailure.check(rd_kafka_begin_transaction(client))
            try failPoint("begun")
            for (place, (partition, record)) in batch.records.enumerated() {
                try RecordTransport.produce(record, to: partition, tag: place + 1, with: client)
                try failPoint("appended")
            }
            for group in batch.groups {
                guard let member = batch.members[group] else { continue }
                let list = PartitionList(capacity: batch.moves.count)
                for move in batch.moves where move.group == group {
                    let metadata = CommitMetadata(map: move.position.map, writer: writer)
                    list.add(move.partition, offset: move.position.frontier, metadata: metadata.text)
                }
                // Retriable but not resumable: a repetition is a new request with the same content.
                try repeating(until: deadline) {
                    rd_kafka_send_offsets_to_transaction(client, list.pointer, member.pointer, timeout)
                }
                try failPoint("moved")
            }
        } catch let failure as KafkaFailure {
            try abort(failure, client, timeout)
        } catch {
            // A fault that a test injects.
            try abort(KafkaFailure(RD_KAFKA_RESP_ERR__FAIL, "\(error)"), client, timeout)
        }
        do {
            try repeating(until: deadline + .seconds(5)) { rd_kafka_commit_transaction(client, timeout) }
        } catch {
            if error.requiresAbort { try abort(error, client, timeout) }
            throw SettleFailure.uncertain(error)
        }
        do {
            try failPoint("committed")
        } catch {
            // A fault that a test injects: as if the answer had been lost.
            throw SettleFailure.uncertain(KafkaFailure(RD_KAFKA_RESP_ERR__FAIL, "\(error)"))
        }
    }

    private static func repeating(until deadline: ContinuousClock.Instant, _ body: () -> OpaquePointer?)
        throws(KafkaFailure)
    {
        while let error = body() {
            let failure = KafkaFailure(taking: error)
            guard failure.isRetriable, ContinuousClock.now < deadline else { throw failure }
        }
    }

    private static func abort(_ failure: KafkaFailure, _ client: OpaquePointer, _ timeout: Int32) throws -> Never {
        // A fenced or otherwise dead producer cannot even abort; the coordinator does it when its time is up.
        guard !failure.isFatal else { throw SettleFailure.uncertain(failure) }
        do {
            try repeating(until: ContinuousClock.now + .milliseconds(Int(timeout))) {
                rd_kafka_abort_transaction(client, timeout)
            }
        } catch {
            throw SettleFailure.uncertain(failure)
        }
        throw SettleFailure.aborted(failure)
    }

    // MARK: The producer

    private func working() async throws -> KafkaHandle {
        if let handle, handle.fatalError != nil { await discard() }
        let handle = try self.handle ?? open()
        self.handle = handle
        guard !isInitialised else { return handle }
        let timeout = Int32(clamping: patience)
        let failPoint = failPoint
        do {
            try await handle.calls.run {
                do { try failPoint("initialising") } catch { throw KafkaFailure(RD_KAFKA_RESP_ERR__FAIL, "\(error)") }
                try Self.repeating(until: ContinuousClock.now + .milliseconds(Int(timeout))) {
                    rd_kafka_init_transactions(handle.client, timeout)
                }
            }
        } catch let failure as KafkaFailure {
            if failure.isUnsupported {
                throw LogError.unsupported(
                    "the brokers take no transactions (\(failure)); run with --delivery at-least-once")
            }
            // What may be repeated goes on where it stopped, with the same client.
            if !failure.isRetriable, self.handle === handle { await discard() }
            throw failure.logError("starting transactions")
        }
        // The session was closed meanwhile.
        guard self.handle === handle else { throw LogError.closed }
        isInitialised = true
        return handle
    }

    private func open() throws -> KafkaHandle {
        let timeout = String(clients.options.transactionTimeout)
        // Delivery reports need no looking at: a record that failed fails the commit.
        return try clients.open(
            .producer, name: name,
            properties: [
                "transactional.id": transactionalID, "transaction.timeout.ms": timeout, "message.timeout.ms": timeout,
            ])
    }

    private func discard() async {
        guard let old = handle else { return }
        handle = nil
        isInitialised = false
        await clients.close(old)
    }
}
