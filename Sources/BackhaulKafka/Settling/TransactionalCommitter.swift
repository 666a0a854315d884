internal import BackhaulLog
internal import BackhaulTelemetry
internal import CLibrdkafka

/// Settles in transactions: records and the positions of several groups become visible together or not at all (KIP-98,
/// KIP-447).
///
/// A transaction is open only while a batch is written. The calls block, so they run on the producer's own thread. The
/// loop serves the delivery reports meanwhile; without them a commit polls in steps of 10 ms.
actor TransactionalCommitter: Committer {
    private let clients: KafkaClients
    nonisolated var unownedExecutor: UnownedSerialExecutor { clients.loop.executor.asUnownedSerialExecutor() }

    private let name: String
    private let transactionalID: String
    nonisolated var writer: String? { transactionalID }
    /// Milliseconds that initialising the producer may take.
    private let patience: Int
    private let failPoint: @Sendable (String) throws -> Void
    private var handle: KafkaHandle?
    /// Whether the producer is initialised with the coordinator.
    private var isInitialised = false

    /// - Parameter patience: milliseconds that initialising the producer may take; by default `requestTimeout`.
    init(
        name: String, transactionalID: String, clients: KafkaClients, patience: Int? = nil,
        failPoint: @escaping @Sendable (String) throws -> Void = { _ in }
    ) {
        self.patience = patience ?? clients.options.requestMilliseconds
        self.name = name
        self.transactionalID = transactionalID
        self.clients = clients
        self.failPoint = failPoint
    }

    /// Initialises the producer. After an `uncertain` failure this initialises the same id again, which ends the old
    /// producer's transaction: committed if the coordinator had received the commit, aborted if not. Only then do the
    /// groups' positions show which.
    /// - Throws: `LogError.unsupported` when the brokers do not support transactions; `unavailable`, `refused`.
    func prepare() async throws {
        _ = try await readyHandle()
    }

    /// As `prepare`, with a producer that is new to the coordinator, even when this one is initialised: one of another
    /// process with this id may have come since.
    func begin() async throws {
        await discard()
        try await prepare()
    }

    func commit(_ batch: SettleBatch) async throws { try await commit(batch, reopens: true) }

    /// Writes the batch.
    /// - Parameter reopens: whether a producer is created when there is none. If not, one of another process that has
    ///   fenced this one stays.
    /// - Throws: `SettleError`; `LogError` when no producer is available: nothing was written.
    func commit(_ batch: SettleBatch, reopens: Bool) async throws {
        guard reopens || isInitialised && handle?.fatalError == nil else {
            throw LogError.unavailable("the producer has ended")
        }
        let handle = try await readyHandle()
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
        } catch let failure as SettleError {
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
            try KafkaError.check(rd_kafka_begin_transaction(client))
            try failPoint("begun")
            for (index, (partition, record)) in batch.records.enumerated() {
                try RecordTransport.produce(record, to: partition, tag: index + 1, with: client)
                try failPoint("appended")
            }
            for group in batch.groups {
                guard let member = batch.members[group] else { continue }
                let list = PartitionList(capacity: batch.moves.count)
                for move in batch.moves where move.group == group {
                    let metadata = CommitMetadata(map: move.position.map, writer: writer)
                    list.add(move.partition, offset: move.position.frontier, metadata: metadata.text)
                }
                // Retriable but not resumable: a retry is a new request with the same content.
                try repeating(until: deadline) {
                    rd_kafka_send_offsets_to_transaction(client, list.pointer, member.pointer, timeout)
                }
                try failPoint("moved")
            }
        } catch let failure as KafkaError {
            try abort(failure, client, timeout)
        } catch {
            // A test's fail point.
            try abort(KafkaError(RD_KAFKA_RESP_ERR__FAIL, "\(error)"), client, timeout)
        }
        do {
            try repeating(until: deadline + .seconds(5)) { rd_kafka_commit_transaction(client, timeout) }
        } catch {
            if error.requiresAbort { try abort(error, client, timeout) }
            throw SettleError.uncertain(error)
        }
        do {
            try failPoint("committed")
        } catch {
            // A test's fail point, which simulates a lost answer.
            throw SettleError.uncertain(KafkaError(RD_KAFKA_RESP_ERR__FAIL, "\(error)"))
        }
    }

    private static func repeating(until deadline: ContinuousClock.Instant, _ body: () -> OpaquePointer?)
        throws(KafkaError)
    {
        while let error = body() {
            let failure = KafkaError(taking: error)
            guard failure.isRetriable, ContinuousClock.now < deadline else { throw failure }
        }
    }

    private static func abort(_ failure: KafkaError, _ client: OpaquePointer, _ timeout: Int32) throws -> Never {
        // A producer with a fatal error, such as a fenced one, cannot abort; the coordinator aborts at the time-out.
        guard !failure.isFatal else { throw SettleError.uncertain(failure) }
        do {
            try repeating(until: ContinuousClock.now + .milliseconds(Int(timeout))) {
                rd_kafka_abort_transaction(client, timeout)
            }
        } catch {
            throw SettleError.uncertain(failure)
        }
        throw SettleError.aborted(failure)
    }

    // MARK: The producer

    /// The initialised producer; created when there is none, and again after a fatal error.
    private func readyHandle() async throws -> KafkaHandle {
        if let handle, handle.fatalError != nil { await discard() }
        let handle = try self.handle ?? open()
        self.handle = handle
        guard !isInitialised else { return handle }
        let timeout = Int32(clamping: patience)
        let failPoint = failPoint
        do {
            try await handle.calls.run {
                do { try failPoint("initialising") } catch { throw KafkaError(RD_KAFKA_RESP_ERR__FAIL, "\(error)") }
                try Self.repeating(until: ContinuousClock.now + .milliseconds(Int(timeout))) {
                    rd_kafka_init_transactions(handle.client, timeout)
                }
            }
        } catch let failure as KafkaError {
            if failure.isUnsupported {
                throw LogError.unsupported(
                    "the brokers do not support transactions (\(failure)); run with --delivery at-least-once")
            }
            // After a retriable error the next call resumes with the same client.
            if !failure.isRetriable, self.handle === handle { await discard() }
            throw failure.logError("starting transactions")
        }
        // Closed during the call.
        guard self.handle === handle else { throw LogError.closed }
        isInitialised = true
        return handle
    }

    private func open() throws -> KafkaHandle {
        let timeout = String(clients.options.transactionTimeout)
        // Ignores delivery reports: a failed record fails the commit.
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
