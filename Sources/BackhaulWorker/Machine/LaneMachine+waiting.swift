internal import BackhaulDomain
internal import BackhaulLog
internal import BackhaulRecords
internal import BackhaulUnits

/// Accepts deliveries, lets them wait, and takes them up again.
extension LaneMachine {
    mutating func accept(_ delivery: Delivery) {
        guard !isStopping else { return }
        let reference = delivery.reference
        guard table[reference] == nil else { return }
        let task: TaskDelivery
        do {
            task = try TaskDelivery.read(
                delivery, checkpoint: checkpoints.removeValue(forKey: delivery.stored.position))
        } catch {
            actions.append(.malformed(delivery.stored.position, "\(error)"))
            table[reference] = Held()
            actions.append(settle(writer.malformed(delivery, error, now: wall), .end))
            return
        }
        // Queued before the next delivery is handled, so that the order of a key is the order of its deliveries.
        let key = rules.isOrdered(task.task) ? task.task.partitionKey : nil
        table[reference] = Held(task, key: key, standing: .turn)
        places[task.generation] = reference
        loaded += 1
        if let key, !order.join(reference, key: key) { return economise(reference) }
        proceed(reference)
    }

    /// Lets a task that waits for nothing but a slot continue: it ends, moves, waits for a time, or queues.
    mutating func proceed(_ reference: DeliveryReference) {
        guard let held = table[reference], let flow = held.flow else { return }
        guard let task = held.task else { return fetch(reference, .proceed) }
        if let unit = ending(task) { return end(reference, unit) }
        if let due = task.progress.due, due > now {
            let woken = options.layout.tier(of: task.delivery.stored.position.partition.topic)
            if !held.isOrdered,
                case .tier(let tier) = DelayPlan.next(tiers: tiers, woken: woken, due: due, now: now)
            {
                return end(reference, writer.moved(task, toTier: tier))
            }
            return wait(reference, until: due)
        }
        // A large task whose delay has ended goes back to the large lane, where it does not delay small ones.
        if kind == .small, !held.isOrdered, task.task.size >= options.largeThreshold {
            return end(reference, writer.handedOver(task))
        }
        if task.progress.crashes >= Self.crashesToBeAlone {
            table[reference]?.standing = .alone
            suspects.append(reference)
        } else {
            table[reference]?.standing = .queued
            admission.enqueue(reference, flow, size: task.task.size)
        }
        // No attempt begins after the deadline, so a task that waits for a slot ends then.
        if let deadline = task.task.deadline { alarms.set(reference, at: deadline - (wall - now)) }
        economise(reference)
    }

    /// A task that died with so many workers runs alone, so that the next death is its own.
    static let crashesToBeAlone = 2

    /// Lets a task wait in memory until `due`.
    mutating func wait(_ reference: DeliveryReference, until due: Timestamp) {
        guard let held = table[reference], let task = held.task else { return }
        // The smallest tier delays the task a little longer, but needs no memory.
        guard held.isOrdered || loaded <= options.memoryWaits else {
            return end(reference, writer.moved(task, toTier: smallestTier))
        }
        table[reference]?.standing = .due
        alarms.set(reference, at: due)
        lend(reference)
    }

    var smallestTier: Duration { tiers.min() ?? .seconds(1) }

    /// The time of a task that waits for a time has come, or the deadline of one that waits for a slot.
    mutating func rang(_ reference: DeliveryReference) {
        guard let held = table[reference] else { return }
        switch held.standing {
        case .due: proceed(reference)
        case .queued, .alone:
            withdraw(reference)
            proceed(reference)
        default: return
        }
    }

    /// Takes a task out of the queue that it waits in.
    mutating func withdraw(_ reference: DeliveryReference) {
        guard let held = table[reference] else { return }
        switch held.standing {
        case .queued: admission.remove(reference)
        case .alone: suspects.removeAll { $0 == reference }
        default: break
        }
        alarms.cancel(reference)
        unlent.remove(reference)
        table[reference]?.standing = .turn
    }

    // MARK: Memory and credits

    /// Grants the credit of a task that waits, and keeps only its place where memory would grow.
    mutating func economise(_ reference: DeliveryReference) {
        guard let held = table[reference], held.isWaiting else { return }
        if loaded <= options.memoryWaits / 2 { return lend(reference) }
        let waitsLong: Bool
        switch held.standing {
        case .turn: waitsLong = true
        case .queued: waitsLong = held.flow.map { admission.isStuck($0, now) } ?? false
        default: waitsLong = false
        }
        guard waitsLong else {
            if loaded <= options.memoryWaits { lend(reference) } else { unlent.insert(reference) }
            return
        }
        guard table.count <= options.heldTasks else {
            guard !held.isOrdered, let task = held.task, let flow = held.flow else { return }
            // Too much to keep even in place: one record, in a tier that is as long as it may take.
            withdraw(reference)
            return end(reference, writer.moved(task, toTier: parkTier(flow)))
        }
        if held.isFresh, held.hasTask {
            table[reference]?.task = nil
            loaded -= 1
        }
        lend(reference)
    }

    /// Grants the credit of a waiting delivery to another one.
    mutating func lend(_ reference: DeliveryReference) {
        unlent.remove(reference)
        guard table[reference]?.isLent == false else { return }
        table[reference]?.isLent = true
        owed += 1
    }

    /// Looks again at tasks that wait for a slot with their credit: their place may have come to a standstill since.
    mutating func lookAfterStuck() {
        guard !unlent.isEmpty, now >= lastLook + Self.lookInterval else { return }
        lastLook = now
        for reference in unlent.sorted(by: { $0.position.offset < $1.position.offset }) { economise(reference) }
    }

    /// The tier for a task whose place or root fails: about as long as it has failed already, so that a task is written
    /// once for each doubling.
    func parkTier(_ flow: FlowKey) -> Duration {
        let openings = [admission.placeGates[flow.place], admission.rootGates[flow.root]].compactMap {
            $0?.breaker.opening?.at
        }
        let age = openings.min().map { now - $0 } ?? .zero
        return tiers.filter { $0 <= min(age, .seconds(3_600)) }.max() ?? smallestTier
    }

    // MARK: Records that are read again

    mutating func fetch(_ reference: DeliveryReference, _ reading: Held.Reading) {
        guard let held = table[reference] else { return }
        if held.reading == nil { fetches.append(reference) }
        // It is being read for more than that.
        if reading == .keep, held.reading != nil { return }
        table[reference]?.reading = reading
    }

    mutating func fetched(_ reference: DeliveryReference, _ stored: StoredRecord?) {
        guard let held = table[reference], let reading = held.reading else { return }
        table[reference]?.reading = nil
        guard !held.hasTask else { return }
        let delivery = stored.map { Delivery(reference: reference, stored: $0, skew: held.skew) }
        guard let delivery, let task = try? TaskDelivery.read(delivery, checkpoint: nil),
            task.generation == held.generation
        else {
            // Nothing keeps a record that is gone; without this its partition's frontier would never pass it.
            actions.append(.vanished(reference.position))
            if held.isAdmitted { release(reference, .nothing) }
            withdraw(reference)
            return end(reference, SettleUnit(delivery: reference, finishes: true, appends: []))
        }
        table[reference]?.task = task
        loaded += 1
        if held.isInTheWay, !held.isOrdered, held.isWaiting {
            withdraw(reference)
            return end(reference, writer.moved(task, toTier: held.flow.map(parkTier) ?? smallestTier))
        }
        switch reading {
        case .keep: return
        case .proceed: proceed(reference)
        case .begin: begin(reference)
        case .move:
            withdraw(reference)
            end(reference, writer.moved(task, toTier: held.flow.map(parkTier) ?? smallestTier))
        }
    }

    // MARK: Ends

    /// The decision about a task that needs no attempt; nil when it needs one.
    mutating func ending(_ task: TaskDelivery) -> SettleUnit? {
        if rules.isCancelled(task.generation) {
            discard(task)
            return attempting(instead: task) { try cancelled(task, isInterrupted: false) }
        }
        if let deadline = task.task.deadline, wall >= deadline {
            discard(task)
            return attempting(instead: task) {
                try writer.expired(task, after: nil, spends: false, startedAt: wall, now: wall)
            }
        }
        guard task.progress.crashes >= options.policy.maxCrashes else { return nil }
        let failure = Failure(
            .poison,
            "\(task.progress.crashes) workers died while they uploaded it; it is not tried again. See the workers' "
                + "logs and the kernel's (out of memory?)")
        discard(task)
        return attempting(instead: task) {
            try writer.failed(task, failure, spends: false, startedAt: wall, now: wall)
        }
    }

    /// Settles the delivery's last unit.
    mutating func end(_ reference: DeliveryReference, _ unit: SettleUnit) {
        table[reference]?.standing = .settling
        alarms.cancel(reference)
        unlent.remove(reference)
        actions.append(settle(unit, .end))
    }

    /// The unit that `make` returns. Records of valid values can be encoded; should one not be, the task becomes a dead
    /// letter rather than stop its partition.
    func attempting(instead task: TaskDelivery, _ make: () throws -> SettleUnit) -> SettleUnit {
        do {
            return try make()
        } catch {
            return writer.malformed(task.delivery, .invalid(what: "decision", problem: "\(error)"), now: wall)
        }
    }

    /// Removes a delivery and calls the next task of its key.
    mutating func forget(_ reference: DeliveryReference, callsNext: Bool = true) {
        guard let held = table.removeValue(forKey: reference) else { return }
        if held.hasTask { loaded -= 1 }
        alarms.cancel(reference)
        unlent.remove(reference)
        discards[reference] = nil
        // A repeated submission may have replaced the entry.
        if let task = held.generation, places[task] == reference { places[task] = nil }
        if !held.isLent { owed += 1 }
        for index in drains.indices { drains[index].pending.remove(reference) }
        guard let key = held.key, let next = order.leave(reference, key: key), callsNext else { return }
        if case .turn = table[next]?.standing { proceed(next) }
    }
}
