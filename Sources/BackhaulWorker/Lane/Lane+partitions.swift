internal import BackhaulDomain
internal import BackhaulLog
internal import BackhaulRecords
internal import BackhaulUnits
internal import Logging

/// Acquires and releases partitions.
extension Lane {
    /// Records that the lane owns partitions from now on.
    func arrive(_ assigned: [AssignedPartition]) -> [Arrival] {
        assigned.map { found in
            ownedSince[found.partition] = clock.now
            let arrival = Arrival(partition: found.partition, epoch: found.epoch, position: found.position)
            arriving[found.partition] = arrival
            return arrival
        }
    }

    /// Holds a delivery back while the checkpoints of its partition are being read.
    /// - Returns: whether it is held back.
    func hold(_ delivery: Delivery) -> Bool {
        guard arriving[delivery.stored.position.partition] != nil else { return false }
        arriving[delivery.stored.position.partition]?.deliveries.append(delivery)
        return true
    }

    /// Reads the checkpoints of a partition, then starts on what was delivered in the meantime.
    func takeOver(_ arrival: Arrival) async throws {
        let found = try await Patience.keepAsking(clock: clock) {
            isStopping || arriving[arrival.partition]?.epoch != arrival.epoch
        } onWait: { error in
            logger.notice(
                "waiting for checkpoints", metadata: ["partition": "\(arrival.partition)", "error": "\(error)"])
        } _: {
            try await context.checkpoints.checkpoints(of: arrival.partition, at: arrival.position)
        }
        // The partition was revoked, lost or assigned again meanwhile, and the deliveries that waited were dropped
        // with it.
        guard let found, arriving[arrival.partition]?.epoch == arrival.epoch,
            let ready = arriving.removeValue(forKey: arrival.partition)
        else { return }
        checkpoints.merge(found) { $1 }
        await withDiscardingTaskGroup { group in
            for delivery in ready.deliveries { accept(delivery) { group.addTask(operation: $0) } }
        }
    }

    /// Handles partitions that are lost or being revoked: drops their waiting deliveries at once, and keeps running
    /// ones from waiting here again.
    /// - Returns: the deliveries that are running.
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

    /// Stops work on partitions that already have another owner: it does that work, and this lane can settle none
    /// of it.
    func drop(_ given: Set<DeliveryReference>) async { await drain(given, grace: .zero) }

    /// Removes waiting tasks; their progress is in the log. All are removed before any is forgotten: otherwise the
    /// next task of a key would be called and overtake the one that is handed back.
    /// - Returns: the number of credits that are free now.
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

    /// Waits until none of the deliveries (nil for all) is running. Interrupts those that run longer than `grace`.
    func drain(_ references: Set<DeliveryReference>?, grace: Duration) async {
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
        // No work is added meanwhile: the set of deliveries is fixed, and a lane that stops accepts none.
        while !concerned().isEmpty {
            for stopper in concerned() { stopper.stop(.interrupt) }
            await signal.waitThrough()
        }
        idleWaiters.removeAll { $0.signal === signal }
    }

    /// Moves on a delivery that blocks the intake of its partition, unless it has to keep the order of its key.
    func makeWay(_ head: DeliveryReference) async throws {
        guard keys[head] == nil else { return }
        if let stopper = stoppers[head] { return stopper.stop(.makeWay) }
        guard let task = room.remove(head) else { return }
        _ = try await settler.settle(writer.moved(task, toTier: tiers.min() ?? .seconds(1)))
        let isOwed = creditless.remove(head) == nil
        forget(head)
        if isOwed { await session.grant(1) }
    }
}
