internal import BackhaulDomain
internal import BackhaulLog
internal import BackhaulUnits

/// Acquires and releases partitions, and stops.
extension LaneMachine {
    mutating func arrive(_ found: AssignedPartition) {
        ownedSince[found.partition] = now
        // The earlier owner's attempts were spread over its partitions. Should the one that killed it be further behind,
        // it comes closer at each death, as those before it end.
        marksFirst[found.partition] = max(4, 2 * admission.limits.uploads / ownedSince.count)
        let arrival = Arrival(partition: found.partition, epoch: found.epoch, position: found.position)
        actions.append(.inherit(arrival))
        // The session does not deliver again what this lane has in hand of an assignment that was lost and came back.
        let kept = arriving[found.partition]?.deliveries ?? []
        arriving[found.partition] = arrival
        arriving[found.partition]?.deliveries = kept
    }

    /// Holds a delivery back while the checkpoints of its partition are being read.
    /// - Returns: whether it is held back.
    mutating func hold(_ delivery: Delivery) -> Bool {
        guard arriving[delivery.stored.position.partition] != nil else { return false }
        arriving[delivery.stored.position.partition]?.deliveries.append(delivery)
        return true
    }

    /// Starts on what was delivered while the checkpoints of a partition were read.
    mutating func inherit(_ partition: TopicPartition, _ epoch: Int, _ found: [LogPosition: Checkpoint]) {
        // Otherwise the partition was revoked, lost or assigned again meanwhile, and the deliveries that waited were
        // dropped with it.
        guard arriving[partition]?.epoch == epoch, let ready = arriving.removeValue(forKey: partition) else { return }
        checkpoints.merge(found) { $1 }
        for delivery in ready.deliveries { accept(delivery) }
    }

    /// Whether the checkpoints of an assignment are still wanted.
    func isArriving(_ partition: TopicPartition, epoch: Int) -> Bool {
        !isStopping && arriving[partition]?.epoch == epoch
    }

    mutating func revoke(_ revocation: Revocation) {
        let running = leave(revocation.partitions)
        let grace = min(options.grace, revocation.allowance ?? options.grace)
        drains.append(Drain(pending: running, until: now + grace, release: revocation))
    }

    /// Another owner does the work on these partitions already, and this lane can settle none of it.
    ///
    /// Only what is held now is dropped: the lane may own a partition again before the last of it has ended.
    mutating func lose(_ revocation: Revocation) {
        drains.append(Drain(pending: leave(revocation.partitions), until: now, release: nil))
    }

    /// Drops the waiting deliveries of partitions, and keeps running ones from waiting here again.
    /// - Returns: those that are running or being decided.
    private mutating func leave(_ partitions: [TopicPartition]) -> Set<DeliveryReference> {
        let partitions = Set(partitions)
        for partition in partitions {
            owed += arriving.removeValue(forKey: partition)?.deliveries.count ?? 0
            marksFirst[partition] = nil
            ownedSince[partition] = nil
        }
        checkpoints = checkpoints.filter { !partitions.contains($0.key.partition) }
        return drop { partitions.contains($0.position.partition) }
    }

    /// All are removed before the next task of any key is called: it would overtake the one that is handed back.
    private mutating func drop(_ isConcerned: (DeliveryReference) -> Bool) -> Set<DeliveryReference> {
        var rest: Set<DeliveryReference> = []
        var keys: [[UInt8]] = []
        // In the order of their keys: each is then the first of its key's queue.
        let concerned = table.keys.filter(isConcerned).sorted { $0.position.offset < $1.position.offset }
        for reference in concerned {
            guard let held = table[reference] else { continue }
            // A slot whose record is being read again is given back; a mark that is being written has to be removed.
            let isUnread = held.isAdmitted && !held.hasTask
            guard held.isWaiting || isUnread else {
                table[reference]?.isLeaving = true
                rest.insert(reference)
                continue
            }
            if isUnread {
                release(reference, .nothing)
                decided(reference)
            } else {
                withdraw(reference)
            }
            if let key = held.key { keys.append(key) }
            forget(reference, callsNext: false)
        }
        for key in keys {
            guard let next = order.first(of: key), case .turn = table[next]?.standing else { continue }
            proceed(next)
        }
        return rest
    }

    mutating func stop(grace: Duration) {
        isStopping = true
        for arrival in arriving.values { owed += arrival.deliveries.count }
        arriving = [:]
        let rest = drop { _ in true }
        drains.append(
            Drain(pending: rest, until: now + grace, isEnd: true, abandonAt: now + grace + .seconds(5)))
    }

    /// Interrupts attempts whose grace is over, and releases what is drained.
    mutating func attendDrains() {
        for index in drains.indices where drains[index].until.map({ $0 <= now }) ?? false {
            drains[index].until = nil
            for reference in drains[index].pending { interrupt(reference, .interrupt) }
        }
        for index in drains.indices where drains[index].abandonAt.map({ $0 <= now }) ?? false {
            drains[index].abandonAt = nil
            // The log does not accept decisions, for example on a full disk: leave them to the next owner.
            if !drains[index].pending.isEmpty { actions.append(.abandon) }
        }
        let done = drains.filter(\.pending.isEmpty)
        guard !done.isEmpty else { return }
        drains.removeAll(where: \.pending.isEmpty)
        for drain in done {
            if let release = drain.release { actions.append(.release(release)) }
            if drain.isEnd, !isFinished {
                isFinished = true
                actions.append(.finish)
            }
        }
    }

    /// Moves on deliveries that block the intake of their partition, unless they have to keep the order of their key.
    mutating func makeWay(_ head: DeliveryReference) {
        // It is not reported again.
        table[head]?.isInTheWay = true
        if table[head]?.isOrdered == false { interrupt(head, .makeWay) }
        // Intake goes on until the next unfinished record blocks it. Those that wait at the front go together, so that
        // it does not stop at each.
        let partition = head.position.partition
        let front = table.filter {
            $0.key.position.partition == partition && $0.value.isWaiting && !$0.value.isOrdered
        }.keys.sorted { $0.position.offset < $1.position.offset }.prefix(Self.movedTogether)
        for reference in front {
            // Behind a gap that runs, none of them blocks.
            guard let held = table[reference], let flow = held.flow else { continue }
            let isDue = if case .due = held.standing { true } else { false }
            guard reference == head || isDue || admission.isStuck(flow, now) else { continue }
            guard let task = held.task else {
                fetch(reference, .move)
                continue
            }
            withdraw(reference)
            end(reference, writer.moved(task, toTier: parkTier(flow)))
        }
    }

    private static let movedTogether = 500
}
