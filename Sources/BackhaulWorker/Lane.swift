internal import BackhaulDestinations
internal import BackhaulDomain
internal import BackhaulLog
internal import BackhaulWire
internal import Logging

/// One lane of a worker: a session, the tasks that it was given, and what becomes of them.
///
/// Each delivery is a child task of the lane: it waits until it is due, for its turn, for a slot; uploads; decides; and
/// settles. The lane itself only takes events and keeps the books.
actor Lane {
    enum Kind: Sendable {
        /// `tasks` and the retry topics.
        case small
        /// `tasks.large`.
        case large
    }

    private let kind: Kind
    private let log: any MessageLog
    private let session: any LogSession
    private let settler: Settler
    private let options: WorkerOptions
    private let execution: UploadExecution
    private let gate: any UploadGate
    private let clock: any LogClock
    private let random: @Sendable () -> Double
    private let logger: Logger
    private let writer: DecisionWriter
    /// Every retry tier there is, in milliseconds: those configured, and those that exist and have to be drained.
    private let tiers: [Int64]

    private var stoppers: [DeliveryReference: Stopper] = [:]
    private var checkpoints: [LogPosition: Checkpoint] = [:]
    private var order = KeyOrder<DeliveryReference>()
    private var turns: [DeliveryReference: Signal] = [:]
    private var memoryWaits = 0
    /// Deliveries whose credit went to another while they wait in memory.
    private var creditless: Set<DeliveryReference> = []
    private var isStopping = false
    private var idleWaiters: [(partitions: Set<TopicPartition>?, signal: Signal)] = []

    init(
        kind: Kind, log: any MessageLog, session: any LogSession, tiers: [Int64], options: WorkerOptions,
        execution: UploadExecution, gate: any UploadGate, clock: any LogClock, random: @escaping @Sendable () -> Double,
        logger: Logger
    ) {
        self.kind = kind
        self.log = log
        self.session = session
        self.tiers = tiers
        self.options = options
        self.execution = execution
        self.gate = gate
        self.clock = clock
        self.random = random
        self.logger = logger
        settler = Settler(session: session, clock: clock, logger: logger)
        writer = DecisionWriter(layout: options.layout, worker: options.name)
    }

    /// Works until `stop`, or until the log fails for good.
    func run() async throws {
        // Enough in hand that a settled slot never waits for the log, little enough that memory does not notice.
        await session.grant((kind == .small ? options.uploads : options.largeUploads) * 3 + 32)
        try await withThrowingDiscardingTaskGroup { group in
            group.addTask {
                do {
                    try await self.settler.run()
                } catch {
                    // Nothing can be decided any more: the closed session ends the loop below, which is not a child of
                    // the group and would go on taking deliveries.
                    await self.session.close()
                    throw error
                }
            }
            while let event = try await session.next() {
                switch event {
                case .assigned(let partitions):
                    try await takeOver(partitions)
                case .delivered(let deliveries):
                    for delivery in deliveries { accept(delivery, &group) }
                case .revoking(let revocation):
                    group.addTask { try await self.giveUp(revocation) }
                case .blocked(let head):
                    // One that keeps its key's order cannot make way: it holds its partition until it is through.
                    if turns[head] == nil { stoppers[head]?.stop(.makeWay) }
                }
            }
            await settler.end()
        }
    }

    /// Ends the lane: what waits is dropped at once, what uploads gets `grace` milliseconds, and costs no attempt.
    func stop(grace: Int64) async {
        isStopping = true
        logger.debug("lane stops", metadata: ["deliveries": "\(stoppers.count)"])
        await drain(nil, grace: grace)
        await session.close()
    }

    /// Uploads and waits that the lane holds.
    var load: (deliveries: Int, memoryWaits: Int) { (stoppers.count, memoryWaits) }

    // MARK: Partitions

    private func takeOver(_ assigned: [AssignedPartition]) async throws {
        let mine = Set(assigned.map(\.partition))
        for number in Set(mine.map(\.partition)) {
            try await log.scan(TopicPartition(topic: options.layout.checkpoints, partition: number)) { records in
                for record in records { self.note(record, of: mine) }
            }
        }
        logger.debug("partitions assigned", metadata: ["partitions": "\(assigned.map(\.partition.description))"])
    }

    private func note(_ stored: StoredRecord, of partitions: Set<TopicPartition>) {
        guard let key = stored.record.key, let position = Self.position(ofKey: key),
            partitions.contains(position.partition)
        else { return }
        checkpoints[position] = stored.record.value.flatMap { try? CheckpointCodec.decode($0) }
    }

    private static func position(ofKey key: [UInt8]) -> LogPosition? {
        let parts = String(decoding: key, as: UTF8.self).split(separator: "/")
        guard parts.count == 3, let partition = Int(parts[1]), let offset = Int64(parts[2]) else { return nil }
        return LogPosition(partition: TopicPartition(topic: String(parts[0]), partition: partition), offset: offset)
    }

    private func giveUp(_ revocation: Revocation) async throws {
        await drain(Set(revocation.partitions), grace: options.grace)
        checkpoints = checkpoints.filter { !revocation.partitions.contains($0.key.partition) }
        try await session.release(revocation)
    }

    /// Waits until nothing of the partitions (all of them for nil) is in hand any more, interrupting what outlasts
    /// `grace`.
    private func drain(_ partitions: Set<TopicPartition>?, grace: Int64) async {
        func concerned() -> [Stopper] {
            stoppers.filter { partitions?.contains($0.key.position.partition) ?? true }.map(\.value)
        }
        for stopper in concerned() where !stopper.isUploading { stopper.stop(.interrupt) }
        let signal = Signal()
        idleWaiters.append((partitions, signal))
        let clock = clock
        let until = clock.now + grace
        if !concerned().isEmpty {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await signal.wait() }
                group.addTask { try? await clock.sleep(until: until) }
                await group.next()
                group.cancelAll()
            }
        }
        // Nobody is added meanwhile: a partition that is given up, and a lane that stops, get no deliveries.
        while !concerned().isEmpty {
            for stopper in concerned() { stopper.stop(.interrupt) }
            await signal.wait()
        }
        idleWaiters.removeAll { $0.signal === signal }
    }

    private func leave(_ reference: DeliveryReference) {
        stoppers[reference] = nil
        for waiter in idleWaiters {
            let isIdle = !stoppers.keys.contains { waiter.partitions?.contains($0.position.partition) ?? true }
            if isIdle { waiter.signal.raise() }
        }
    }

    // MARK: One delivery

    private func accept(_ delivery: Delivery, _ group: inout ThrowingDiscardingTaskGroup<any Error>) {
        guard !isStopping else { return }
        let reference = delivery.reference
        let task: TaskDelivery
        do {
            task = try TaskDelivery.read(
                delivery, checkpoint: checkpoints.removeValue(forKey: delivery.stored.position))
        } catch {
            logger.warning(
                "a record is no task: to dead letters",
                metadata: ["position": "\(delivery.stored.position)", "error": "\(error)"])
            let unit = writer.malformed(delivery, error, now: clock.now)
            stoppers[reference] = Stopper()
            group.addTask {
                await self.finish(reference, key: nil) { _ = try await self.settler.settle(unit) }
            }
            return
        }
        let stopper = Stopper()
        stoppers[reference] = stopper
        // In line before the next delivery is looked at: the order of a key is the order of its deliveries.
        let key: String? =
            execution.order(of: task.task) == .key ? String(decoding: task.task.partitionKey, as: UTF8.self) : nil
        let turn: Signal? = key.map { key in
            let signal = Signal()
            if order.join(reference, key: key) { signal.raise() }
            turns[reference] = signal
            return signal
        }
        group.addTask {
            let run = TaskRun(
                lane: self, task: task, isOrdered: key != nil, kind: self.kind, stopper: stopper, turn: turn,
                settler: self.settler, options: self.options, execution: self.execution, gate: self.gate,
                clock: self.clock, random: self.random, logger: self.logger, writer: self.writer, tiers: self.tiers)
            await self.finish(reference, key: key) { try await run.run() }
        }
    }

    /// Runs a delivery's work and takes it out of the books, however it ends. An error is the settler's, which ends the
    /// lane by itself; thrown from here it would only hide that one.
    private func finish(
        _ reference: DeliveryReference, key: String?, _ work: @Sendable () async throws -> Void
    ) async {
        do {
            try await work()
        } catch {
            logger.error(
                "a task's decision could not be settled",
                metadata: ["position": "\(reference.position)", "error": "\(error)"])
        }
        if let key { leaveLine(reference, key: key) }
        if !creditless.contains(reference) { await session.grant(1) }
        creditless.remove(reference)
        leave(reference)
    }

    private func leaveLine(_ reference: DeliveryReference, key: String) {
        turns[reference] = nil
        if let next = order.leave(reference, key: key) { turns[next]?.raise() }
    }

    /// Asks for a place among the tasks that wait in memory; its credit goes to another delivery.
    func beginMemoryWait(_ reference: DeliveryReference) async -> Bool {
        guard memoryWaits < options.memoryWaits else { return false }
        memoryWaits += 1
        if creditless.insert(reference).inserted { await session.grant(1) }
        return true
    }

    func endMemoryWait() {
        memoryWaits -= 1
    }
}
