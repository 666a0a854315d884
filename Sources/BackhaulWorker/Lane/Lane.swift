internal import BackhaulDestinations
internal import BackhaulDomain
internal import BackhaulLog
internal import BackhaulRecords
internal import BackhaulTelemetry
internal import BackhaulUnits
internal import Logging

/// One lane of a worker: a session and the tasks delivered to it.
///
/// A delivery that can run is a child task of the lane (`TaskRun`): it acquires a slot, uploads, decides and
/// settles. One that waits for less than the smallest tier, or for its turn among the tasks of its key, is a value
/// in the waiting room until its time comes or the task before it ends.
actor Lane {
    enum Kind: Sendable {
        /// `tasks` and the retry topics.
        case small
        /// `tasks.large`.
        case large
    }

    let log: any MessageLog
    let session: any LogSession
    let context: LaneContext
    var options: WorkerOptions { context.options }
    var settler: Settler { context.settler }
    var writer: DecisionWriter { context.writer }
    var tiers: [Duration] { context.tiers }
    var clock: any LogClock { context.clock }
    var logger: Logger { context.logger }
    /// The deliveries that the lane holds, by task generation.
    var places: [TaskGeneration: DeliveryReference] = [:]
    var generations: [DeliveryReference: TaskGeneration] = [:]

    var stoppers: [DeliveryReference: Stopper] = [:]
    var room = WaitingRoom()
    let roomChanged = Signal()
    /// Waiting deliveries whose credit was granted to another delivery.
    var creditless: Set<DeliveryReference> = []
    var checkpoints: [LogPosition: Checkpoint] = [:]
    var order = KeyOrder<DeliveryReference>()
    var keys: [DeliveryReference: [UInt8]] = [:]
    /// When each partition was acquired, by this machine's clock. If the log's clock is
    /// behind, a cancelled task only reports "may exist" needlessly.
    var ownedSince: [TopicPartition: Timestamp] = [:]
    /// The maximum numbers of concurrent uploads and of pending decisions.
    private var limits: (uploads: Int, decisions: Int)
    /// The number of deliveries that this lane may hold.
    var credits = 0
    /// Credits of finished deliveries that are not granted again yet.
    var owed = 0
    var isStopping = false
    var isEnding = false
    /// Running deliveries of partitions that were revoked or lost: they must not wait here again. Deliveries, not
    /// partitions: the lane may own a partition again before the last of them has ended.
    var leaving: Set<DeliveryReference> = []
    /// Partitions whose checkpoints are being read, with their deliveries.
    var arriving: [TopicPartition: Arrival] = [:]
    var idleWaiters: [(references: Set<DeliveryReference>?, signal: Signal)] = []

    init(log: any MessageLog, session: any LogSession, context: LaneContext) {
        self.log = log
        self.session = session
        self.context = context
        limits = context.options.limits(of: context.kind)
    }

    /// Sets the number of concurrent uploads.
    func resize(to slots: Int) async {
        limits = options.limits(of: context.kind, uploads: slots)
        context.decisions.resize(to: limits.decisions)
        await settler.resize(to: LaneContext.batch(limits.decisions))
        context.gate.resize(to: slots)
        // Granted credits are never withdrawn. With fewer slots, more deliveries wait for one.
        let wanted = Self.credits(limits)
        guard wanted > credits else { return }
        let more = wanted - credits
        credits = wanted
        await session.grant(more)
    }

    /// Enough that a free slot never waits for the log, and few enough that memory stays small.
    private static func credits(_ limits: (uploads: Int, decisions: Int)) -> Int {
        limits.decisions + 2 * limits.uploads + 32
    }

    /// Runs until `stop`, or until the log fails for good.
    func run() async throws {
        do {
            try await work()
        } catch {
            // This member takes no more deliveries, so its groups must not wait for it.
            await session.close()
            throw error
        }
    }

    func work() async throws {
        credits = Self.credits(limits)
        await session.grant(credits)
        try await withThrowingDiscardingTaskGroup { group in
            group.addTask {
                do {
                    try await self.settler.run()
                } catch {
                    // Nothing can be settled any more. The loop below is not a child of the group and would
                    // continue to take deliveries; closing the session ends it.
                    await self.session.close()
                    throw error
                }
            }
            group.addTask { await self.callWaiting() }
            let marking = Signal()
            group.addTask {
                // Runs until the lane has ended or failed.
                await withTaskGroup(of: Void.self) { group in
                    group.addTask { await self.context.marks.run() }
                    group.addTask { await marking.wait() }
                    await group.next()
                    group.cancelAll()
                }
            }
            while let event = try await session.next() {
                switch event {
                case .assigned(let partitions):
                    // Read concurrently, so that other partitions deliver and revocations are answered meanwhile.
                    for arrival in arrive(partitions) { group.addTask { try await self.takeOver(arrival) } }
                case .delivered(let deliveries):
                    for delivery in deliveries where !hold(delivery) {
                        accept(delivery) { group.addTask(operation: $0) }
                    }
                case .revoking(let revocation):
                    let given = await leave(revocation)
                    group.addTask { try await self.giveUp(revocation, given) }
                case .lost(let revocation):
                    // Dropped here, not in a child task, so that only what is held now is dropped. Otherwise:
                    // 1. lost(p), assigned(p) and delivered(p@7, due later) arrive.
                    // 2. The child task runs last and counts p@7 among the lost deliveries.
                    // 3. It removes p@7 from the room, and p@7 is not tried before the next owner.
                    let given = await leave(revocation)
                    group.addTask { await self.drop(given) }
                case .blocked(let head):
                    group.addTask { try await self.makeWay(head) }
                }
            }
            isEnding = true
            roomChanged.raise()
            marking.raise()
            await settler.end()
        }
    }

    /// Returns once the lane has joined its groups.
    func joined() async throws { try await session.joined() }

    /// Ends the lane. Drops waiting tasks at once and gives uploads `grace`; an interrupted upload
    /// spends no attempt.
    func stop(grace: Duration) async {
        isStopping = true
        let clock = clock
        let until = clock.now + grace + .seconds(5)
        await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                await self.drain(nil, grace: grace)
                return true
            }
            group.addTask {
                do { try await clock.sleep(until: until) } catch { return false }
                // The log does not accept decisions, for example on a full disk: leave them to the next owner.
                await self.settler.abandon()
                return false
            }
            while await group.next() == false {}
            group.cancelAll()
        }
        await session.close()
    }

    /// The numbers of deliveries that run and that wait in memory.
    var load: (running: Int, waiting: Int) { (stoppers.count, room.count) }

    /// Cancels a generation: interrupts its upload, or starts it if it waits, so that it ends as cancelled.
    func cancel(_ task: TaskGeneration) {
        guard let reference = places[task] else { return }
        if let stopper = stoppers[reference] {
            stopper.stop(.cancel)
        } else if keys[reference].map({ order.first(of: $0) == reference }) ?? true {
            // A task that waits behind others of its key ends when its turn comes.
            room.call(reference)
            roomChanged.raise()
        }
    }

    // MARK: Deliveries

    func accept(_ delivery: Delivery, _ spawn: (@escaping @Sendable () async -> Void) -> Void) {
        guard !isStopping else { return }
        let reference = delivery.reference
        let task: TaskDelivery
        do {
            task = try TaskDelivery.read(
                delivery, checkpoint: checkpoints.removeValue(forKey: delivery.stored.position))
        } catch {
            logger.warning(
                "a record is not a task; moved to the dead letters",
                metadata: ["position": "\(delivery.stored.position)", "error": "\(error)"])
            context.meters.malformed.add(1, [delivery.stored.position.partition.topic])
            let unit = writer.malformed(delivery, error, now: clock.wall)
            stoppers[reference] = Stopper()
            spawn {
                await self.work(reference) {
                    _ = try await self.settler.settle(unit)
                    return .settled
                }
            }
            return
        }
        places[task.generation] = reference
        generations[reference] = task.generation
        // Queued before the next delivery is handled, so that the order of a key is the order of its deliveries.
        if context.execution.order(of: task.task) == .key {
            let key = task.task.partitionKey
            keys[reference] = key
            guard order.join(reference, key: key) else {
                room.enter(task, until: nil)
                spawn { await self.lendCredit(reference) }
                return
            }
        }
        start(task, spawn)
    }

    func start(_ task: TaskDelivery, _ spawn: (@escaping @Sendable () async -> Void) -> Void) {
        let stopper = Stopper()
        let reference = task.delivery.reference
        stoppers[reference] = stopper
        let run = TaskRun(
            task: task, isOrdered: keys[reference] != nil,
            isOnlyOwner: ownedSince[reference.position.partition].map { $0 < task.delivery.stored.appendedAt } ?? false,
            stopper: stopper, context: context)
        spawn { await self.work(reference) { try await run.run() } }
    }

    /// Runs the work on a delivery, then updates the lane's state, however it ends.
    func work(_ reference: DeliveryReference, _ body: @Sendable () async throws -> TaskRun.End) async {
        do {
            if case .waits(let task, let due) = try await body(), try await keepWaiting(task, until: due) { return }
        } catch {
            // The settler's own error ends the lane. Throwing this one as well would only hide it.
            logger.error(
                "a task's decision could not be settled",
                metadata: ["position": "\(reference.position)", "error": "\(error)"])
        }
        stoppers[reference] = nil
        if creditless.remove(reference) == nil { owed += 1 }
        forget(reference)
        await repay()
    }

    /// Grants owed credits. Batches them while enough deliveries are running, since each grant makes the session
    /// scan its partitions.
    private func repay() async {
        guard owed >= credits / 8 || stoppers.count <= limits.decisions else { return }
        let count = owed
        owed = 0
        if count > 0 { await session.grant(count) }
    }

    /// Puts a task in the waiting room until `due`.
    /// - Returns: false when its delivery is finished or left to the next owner.
    func keepWaiting(_ task: TaskDelivery, until due: Timestamp) async throws -> Bool {
        let reference = task.delivery.reference
        guard !isStopping, !leaving.contains(reference) else { return false }
        guard room.count < options.memoryWaits || keys[reference] != nil else {
            // The room is full. The smallest tier delays the task a little longer, but needs no memory.
            _ = try await settler.settle(writer.moved(task, toTier: tiers.min() ?? .seconds(1)))
            return false
        }
        if keys[reference] == nil, case .makeWay = stoppers[reference]?.stopped {
            // `makeWay` came while the task was still running. It is not sent again.
            _ = try await settler.settle(writer.moved(task, toTier: tiers.min() ?? .seconds(1)))
            return false
        }
        var due = due
        // `cancel` came while the task was still running. It is not sent again.
        if case .cancel = stoppers[reference]?.stopped { due = clock.now }
        stoppers[reference] = nil
        room.enter(task, until: due)
        roomChanged.raise()
        tellIdle()
        await lendCredit(reference)
        return true
    }

    /// Grants the credit of a waiting delivery to another one. Bounded by the size of the room.
    func lendCredit(_ reference: DeliveryReference) async {
        guard room.count <= options.memoryWaits, room.contains(reference), creditless.insert(reference).inserted else {
            return
        }
        await session.grant(1)
    }

    /// Starts waiting tasks when their time or their turn has come.
    func callWaiting() async {
        await withDiscardingTaskGroup { group in
            while !isEnding, !Task.isCancelled {
                for task in room.leave(at: clock.now) { start(task) { group.addTask(operation: $0) } }
                await roomChanged.wait(until: room.nextDue, by: clock)
            }
        }
    }

    /// Removes a delivery from the lane's state and calls the next task of its key.
    func forget(_ reference: DeliveryReference) {
        // A repeated submission may have replaced the entry.
        if let task = generations.removeValue(forKey: reference), places[task] == reference { places[task] = nil }
        creditless.remove(reference)
        leaving.remove(reference)
        if let key = keys.removeValue(forKey: reference), let next = order.leave(reference, key: key) {
            room.call(next)
            roomChanged.raise()
        }
        tellIdle()
    }

    func tellIdle() {
        for waiter in idleWaiters {
            let isIdle = !stoppers.keys.contains { waiter.references?.contains($0) ?? true }
            if isIdle { waiter.signal.raise() }
        }
    }
}
