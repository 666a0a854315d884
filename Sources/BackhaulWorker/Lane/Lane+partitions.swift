internal import BackhaulDomain
internal import BackhaulLog
internal import BackhaulRecords
internal import Logging

/// How a lane takes partitions over and gives them up.
extension Lane {
    /// Notes that partitions are this lane's from now on.
    func arrive(_ assigned: [AssignedPartition]) -> [Arrival] {
        assigned.map { found in
            ownedSince[found.partition] = clock.now
            let arrival = Arrival(partition: found.partition, epoch: found.epoch, position: found.position)
            arriving[found.partition] = arrival
            return arrival
        }
    }

    /// Keeps a delivery back whose partition's checkpoints are being read.
    /// - Returns: whether it is kept.
    func hold(_ delivery: Delivery) -> Bool {
        guard arriving[delivery.stored.position.partition] != nil else { return false }
        arriving[delivery.stored.position.partition]?.deliveries.append(delivery)
        return true
    }

    /// Finds what earlier owners left about a partition's records, then works on what was delivered meanwhile.
    func takeOver(_ arrival: Arrival) async throws {
        let found = try await Patience.keepAsking(clock: clock) {
            isStopping || arriving[arrival.partition]?.epoch != arrival.epoch
        } onWait: { error in
            logger.notice(
                "waiting for checkpoints", metadata: ["partition": "\(arrival.partition)", "error": "\(error)"])
        } _: {
            try await tools.checkpoints.checkpoints(of: arrival.partition, at: arrival.position)
        }
        // Asked back, lost or taken over once more meanwhile: what waited here went with that.
        guard let found, arriving[arrival.partition]?.epoch == arrival.epoch,
            let ready = arriving.removeValue(forKey: arrival.partition)
        else { return }
        checkpoints.merge(found) { $1 }
        await withDiscardingTaskGroup { group in
            for delivery in ready.deliveries { accept(delivery) { group.addTask(operation: $0) } }
        }
    }

    /// The partitions are not this lane's any more, or not for long: what waits of them goes at once, and what is worked on
    /// will not wait here again.
    /// - Returns: the deliveries that are worked on.
    func leave(_ revocation: Revocation) async -> Set<DeliveryReference> {
        let partitions = Set(revocation.partitions)
        var credits = 0
        for partition in partitions { credits += arriving.removeValue(forKey: partition)?.deliveries.count ?? 0 }
        checkpoints = checkpoints.filter { !partitions.contains($0.key.partition) }
        let running = Set(stoppers.keys.filter { partitions.contains($0.position.partition) })
        leaving.formUnion(running)
        credits += removeWaiting { partitions.contains($0.position.partition) }
        if credits > 0 { await session.grant(credits) }
        return running
    }

    func giveUp(_ revocation: Revocation, _ given: Set<DeliveryReference>) async throws {
        await drain(given, grace: min(options.grace, revocation.allowance ?? options.grace))
        try await session.release(revocation)
    }

    /// The partitions are another's already: what is under way there is its to do, and nothing of it can be settled.
    func drop(_ given: Set<DeliveryReference>) async { await drain(given, grace: 0) }

    /// Takes out what waits. It has everything that matters in the log. All of it goes at once: between two of them nobody
    /// may be called, or a key's next task would overtake the one that is handed back.
    /// - Returns: the credits that are free now.
    private func removeWaiting(_ isConcerned: (DeliveryReference) -> Bool) -> Int {
        let waiting = room.references.filter(isConcerned)
        for reference in waiting { _ = room.remove(reference) }
        var credits = 0
        for reference in waiting {
            if creditless.remove(reference) == nil { credits += 1 }
            forget(reference)
        }
        return credits
    }

    /// Waits until none of the deliveries (all of them for nil) is worked on any more, interrupting what outlasts `grace`.
    func drain(_ references: Set<DeliveryReference>?, grace: Int64) async {
        func concerned() -> [Stopper] {
            stoppers.filter { references?.contains($0.key) ?? true }.map(\.value)
        }
        if references == nil {
            arriving = [:]
            await session.grant(removeWaiting { _ in true })
        }
        for stopper in concerned() where !stopper.isUploading { stopper.stop(.interrupt) }
        let signal = Signal()
        idleWaiters.append((references, signal))
        if !concerned().isEmpty { await signal.wait(until: clock.now + grace, by: clock) }
        // Nobody is added meanwhile: the deliveries are known, and a lane that stops gets none.
        while !concerned().isEmpty {
            for stopper in concerned() { stopper.stop(.interrupt) }
            await signal.waitThrough()
        }
        idleWaiters.removeAll { $0.signal === signal }
    }

    /// A head holds its partition's intake back: it is moved on, unless it keeps its key's order.
    func makeWay(_ head: DeliveryReference) async throws {
        guard keys[head] == nil else { return }
        if let stopper = stoppers[head] { return stopper.stop(.makeWay) }
        guard let task = room.remove(head) else { return }
        _ = try await settler.settle(writer.moved(task, toTier: tiers.min() ?? 1_000))
        let isOwed = creditless.remove(head) == nil
        forget(head)
        if isOwed { await session.grant(1) }
    }
}
