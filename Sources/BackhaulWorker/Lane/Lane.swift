internal import BackhaulDestinations
internal import BackhaulDomain
internal import BackhaulLog
internal import BackhaulRecords
internal import BackhaulTelemetry
internal import Logging

/// One lane of a worker: a session, the tasks that it was given, and what becomes of them.
///
/// A delivery that can be worked on is a child task of the lane (`TaskRun`): it takes a slot, uploads, decides and
/// settles. One that has to wait below the smallest tier, or for its turn among the tasks of its key, is a value in the
/// waiting room until the lane's clock or the one before it calls it.
actor Lane {
    enum Kind: Sendable {
        /// `tasks` and the retry topics.
        case small
        /// `tasks.large`.
        case large
    }

    let log: any MessageLog
    let session: any LogSession
    let tools: LaneTools
    var options: WorkerOptions { tools.options }
    var settler: Settler { tools.settler }
    var writer: DecisionWriter { tools.writer }
    var tiers: [Int64] { tools.tiers }
    var clock: any LogClock { tools.clock }
    var logger: Logger { tools.logger }
    /// Where the generations in hand stand.
    var places: [TaskGeneration: DeliveryReference] = [:]
    var generations: [DeliveryReference: TaskGeneration] = [:]

    var stoppers: [DeliveryReference: Stopper] = [:]
    var room = WaitingRoom()
    let roomChanged = Signal()
    /// Deliveries whose credit went to another while they wait.
    var creditless: Set<DeliveryReference> = []
    var checkpoints: [LogPosition: Checkpoint] = [:]
    var order = KeyOrder<DeliveryReference>()
    var keys: [DeliveryReference: [UInt8]] = [:]
    /// Milliseconds since 1970 by this machine's clock, which the log's may be behind of: then it only says "may exist".
    var ownedSince: [TopicPartition: Int64] = [:]
    /// Uploads and decisions that it may have under way.
    private var limits: (uploads: Int, decisions: Int)
    /// Deliveries that this lane may have in hand.
    var credits = 0
    /// Credits of deliveries that are through, not given back yet.
    var owed = 0
    var isStopping = false
    var isEnding = false
    /// Deliveries of partitions that were asked back or lost: what of them is still worked on must not wait here again.
    /// Deliveries, not partitions: a partition may be this lane's again before the last of them has ended.
    var leaving: Set<DeliveryReference> = []
    /// Partitions whose checkpoints are being read, and what was delivered of them meanwhile.
    var arriving: [TopicPartition: Arrival] = [:]
    var idleWaiters: [(references: Set<DeliveryReference>?, signal: Signal)] = []

    init(log: any MessageLog, session: any LogSession, tools: LaneTools) {
        self.log = log
        self.session = session
        self.tools = tools
        limits = tools.options.limits(of: tools.kind)
    }

    /// From now on so many uploads at a time.
    func resize(to slots: Int) async {
        limits = options.limits(of: tools.kind, uploads: slots)
        tools.decisions.resize(to: limits.decisions)
        await settler.resize(to: LaneTools.batch(limits.decisions))
        (tools.gate as? SlotGate)?.resize(to: slots)
        // Credits in hand are never taken back: fewer slots only mean that more wait for one.
        let wanted = Self.credits(limits)
        guard wanted > credits else { return }
        let more = wanted - credits
        credits = wanted
        await session.grant(more)
    }

    /// Enough in hand that a settled slot never waits for the log, little enough that memory does not notice.
    private static func credits(_ limits: (uploads: Int, decisions: Int)) -> Int {
        limits.decisions + 2 * limits.uploads + 32
    }

    /// Works until `stop`, or until the log fails for good.
    func run() async throws {
        do {
            try await work()
        } catch {
            // Nobody takes deliveries any more: the groups must not wait for this member.
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
                    // Nothing can be decided any more: the closed session ends the loop below, which is not a child of
                    // the group and would go on taking deliveries.
                    await self.session.close()
                    throw error
                }
            }
            group.addTask { await self.callWaiting() }
            let marking = Signal()
            group.addTask {
                // Until the lane has nothing under way any more, or has failed.
                await withTaskGroup(of: Void.self) { group in
                    group.addTask { await self.tools.marks.run() }
                    group.addTask { await marking.wait() }
                    await group.next()
                    group.cancelAll()
                }
            }
            while let event = try await session.next() {
                switch event {
                case .assigned(let partitions):
                    // Read beside the loop: others deliver meanwhile, and what is asked back is answered.
                    for arrival in arrive(partitions) { group.addTask { try await self.takeOver(arrival) } }
                case .delivered(let deliveries):
                    for delivery in deliveries where !hold(delivery) {
                        accept(delivery) { group.addTask(operation: $0) }
                    }
                case .revoking(let revocation):
                    let given = await leave(revocation)
                    group.addTask { try await self.giveUp(revocation, given) }
                case .lost(let revocation):
                    // At once, and of what is in hand now. Walked: lost(p), assigned(p), delivered(p@7, due later). Were the
                    // partition dropped by a task of its own that ran last, it would take p@7 for one of the lost ones: out
                    // of the room, and nobody would try it again before the next owner.
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

    /// Returns once the lane is in its groups.
    func joined() async throws { try await session.joined() }

    /// Ends the lane: what waits is dropped at once, what uploads gets `grace` milliseconds, and costs no attempt.
    func stop(grace: Int64) async {
        isStopping = true
        let clock = clock
        let until = clock.now + grace + 5_000
        await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                await self.drain(nil, grace: grace)
                return true
            }
            group.addTask {
                do { try await clock.sleep(until: until) } catch { return false }
                // The log does not take decisions (a full disk): they are left to the next owner.
                await self.settler.abandon()
                return false
            }
            while await group.next() == false {}
            group.cancelAll()
        }
        await session.close()
    }

    /// Deliveries that are worked on, and that wait in memory.
    var load: (running: Int, waiting: Int) { (stoppers.count, room.count) }

    /// The generation is wanted no more: what uploads is interrupted, what waits is called to be dropped.
    func cancel(_ task: TaskGeneration) {
        guard let reference = places[task] else { return }
        if let stopper = stoppers[reference] {
            stopper.stop(.cancel)
        } else if keys[reference].map({ order.first(of: $0) == reference }) ?? true {
            // One that waits behind others of its key is met when its turn comes.
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
                "a record is not a task: to dead letters",
                metadata: ["position": "\(delivery.stored.position)", "error": "\(error)"])
            tools.meters.malformed.add(1, [delivery.stored.position.partition.topic])
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
        // In line before the next delivery is looked at: the order of a key is the order of its deliveries.
        if tools.execution.order(of: task.task) == .key {
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
            stopper: stopper, tools: tools)
        spawn { await self.work(reference) { try await run.run() } }
    }

    /// Runs a delivery's work and keeps the books, however it ends.
    func work(_ reference: DeliveryReference, _ body: @Sendable () async throws -> TaskRun.End) async {
        do {
            if case .waits(let task, let due) = try await body(), try await park(task, until: due) { return }
        } catch {
            // The settler's error ends the lane by itself; thrown from here it would only hide that one.
            logger.error(
                "a task's decision could not be settled",
                metadata: ["position": "\(reference.position)", "error": "\(error)"])
        }
        stoppers[reference] = nil
        if creditless.remove(reference) == nil { owed += 1 }
        forget(reference)
        await repay()
    }

    /// Gives credits back, many at a time while there is enough in hand: each time the session looks at its partitions.
    private func repay() async {
        guard owed >= credits / 8 || stoppers.count <= limits.decisions else { return }
        let count = owed
        owed = 0
        if count > 0 { await session.grant(count) }
    }

    /// Lets a task wait in memory.
    /// - Returns: false when its delivery is through, or goes to the next owner.
    func park(_ task: TaskDelivery, until due: Int64) async throws -> Bool {
        let reference = task.delivery.reference
        guard !isStopping, !leaving.contains(reference) else { return false }
        guard room.count < options.memoryWaits || keys[reference] != nil else {
            // No room: the smallest tier is a little later, and bounded.
            _ = try await settler.settle(writer.moved(task, toTier: tiers.min() ?? 1_000))
            return false
        }
        if keys[reference] == nil, case .makeWay = stoppers[reference]?.stopped {
            // Asked to make way on its way here: it would not be asked again.
            _ = try await settler.settle(writer.moved(task, toTier: tiers.min() ?? 1_000))
            return false
        }
        var due = due
        // Asked to stop on its way here: it would not be asked again.
        if case .cancel = stoppers[reference]?.stopped { due = clock.now }
        stoppers[reference] = nil
        room.enter(task, until: due)
        roomChanged.raise()
        tellIdle()
        await lendCredit(reference)
        return true
    }

    /// Those that wait must not hold the credits that others could work with; bounded by the room.
    func lendCredit(_ reference: DeliveryReference) async {
        guard room.count <= options.memoryWaits, room.contains(reference), creditless.insert(reference).inserted else {
            return
        }
        await session.grant(1)
    }

    /// Starts what waited, when its time or its turn has come.
    func callWaiting() async {
        await withDiscardingTaskGroup { group in
            while !isEnding, !Task.isCancelled {
                for task in room.leave(at: clock.now) { start(task) { group.addTask(operation: $0) } }
                await roomChanged.wait(until: room.nextDue, by: clock)
            }
        }
    }

    /// The delivery is out of this lane's hands.
    func forget(_ reference: DeliveryReference) {
        // A repeated submission may stand in its place by now.
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
