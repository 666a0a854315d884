internal import BackhaulDomain
internal import BackhaulLog
internal import BackhaulWire
internal import Logging

/// How a lane takes partitions over and gives them up.
extension Lane {
    func takeOver(_ assigned: [AssignedPartition]) async throws {
        let mine = Set(assigned.map(\.partition))
        leaving.subtract(mine)
        for partition in mine { ownedSince[partition] = clock.now }
        for number in Set(mine.map(\.partition)) {
            let partition = TopicPartition(topic: options.layout.checkpoints, partition: number)
            // An earlier owner's checkpoint may lie behind a transaction that is still open: it has to be seen, too.
            let log = log
            _ = try await Patience.keepAsking(clock: clock) {
                isStopping
            } onWait: { error in
                logger.notice("waiting for checkpoints", metadata: ["partition": "\(partition)", "error": "\(error)"])
            } _: {
                try await log.scan(partition, to: try await log.decided(partition)) { records in
                    for record in records { self.note(record, of: mine) }
                }
            }
        }
    }

    func note(_ stored: StoredRecord, of partitions: Set<TopicPartition>) {
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

    func giveUp(_ revocation: Revocation) async throws {
        leaving.formUnion(revocation.partitions)
        await drain(Set(revocation.partitions), grace: min(options.grace, revocation.allowance ?? options.grace))
        checkpoints = checkpoints.filter { !revocation.partitions.contains($0.key.partition) }
        try await session.release(revocation)
    }

    /// The partitions are another's already: what is under way there is its to do, and nothing of it can be settled.
    func drop(_ revocation: Revocation) async {
        leaving.formUnion(revocation.partitions)
        await drain(Set(revocation.partitions), grace: 0)
        checkpoints = checkpoints.filter { !revocation.partitions.contains($0.key.partition) }
    }

    /// Waits until nothing of the partitions (all of them for nil) is in hand any more, interrupting what outlasts
    /// `grace`.
    func drain(_ partitions: Set<TopicPartition>?, grace: Int64) async {
        func isConcerned(_ reference: DeliveryReference) -> Bool {
            partitions?.contains(reference.position.partition) ?? true
        }
        func concerned() -> [Stopper] { stoppers.filter { isConcerned($0.key) }.map(\.value) }
        // What waits has everything that matters in the log. All of it goes at once: between two of them nobody may be called, or a key's next task would overtake the one that
        // is handed back.
        let waiting = room.references.filter(isConcerned)
        for reference in waiting { _ = room.remove(reference) }
        var credits = 0
        for reference in waiting {
            if creditless.remove(reference) == nil { credits += 1 }
            forget(reference)
        }
        await session.grant(credits)
        for stopper in concerned() where !stopper.isUploading { stopper.stop(.interrupt) }
        let signal = Signal()
        idleWaiters.append((partitions, signal))
        if !concerned().isEmpty { await signal.wait(until: clock.now + grace, by: clock) }
        // Nobody is added meanwhile: a partition that is given up, and a lane that stops, get no deliveries.
        while !concerned().isEmpty {
            for stopper in concerned() { stopper.stop(.interrupt) }
            await signal.wait()
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
