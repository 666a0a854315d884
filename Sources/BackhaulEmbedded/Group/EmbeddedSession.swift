internal import BackhaulLog
internal import BackhaulUnits
internal import Synchronization

/// A member of one or more groups of an embedded log.
final actor EmbeddedSession: LogSession {
    /// An event of a group.
    enum News: Sendable {
        case assign(String, [TopicPartition])
        case revoke(String, [TopicPartition])
    }

    /// Raised when `next` may have something to return.
    nonisolated let signal = Signal()
    private nonisolated let inbox = Mutex<[News]>([])
    private nonisolated let settling = FIFOLock()
    private let log: EmbeddedLog
    private let member: Int
    private let subscriptions: [Subscription]

    private var table = MemberTable()
    /// The order in which partitions deliver records; rotates, so that none starves another.
    private var rotation: [MemberTable.Key] = []
    /// Heads that block the intake of their partitions and are not reported yet.
    private var blocked: ArraySlice<DeliveryReference> = []
    private var credits = 0
    private var isClosed = false
    private var epoch = 0

    /// The most records of one partition in one event; a page has up to twice as many.
    private static let share = 64
    private static let pageBytes = ByteCount(256 << 10)

    init(log: EmbeddedLog, member: Int, subscriptions: [Subscription]) {
        self.log = log
        self.member = member
        self.subscriptions = subscriptions
    }

    /// Stores an event for `next`. Called under the log's lock, so it does nothing else.
    nonisolated func notify(_ news: News) {
        inbox.withLock { $0.append(news) }
        signal.raise()
    }

    func grant(_ records: Int) {
        credits += records
        signal.raise()
    }

    func next() async throws -> SessionEvent? {
        while !isClosed {
            try Task.checkCancellation()
            if let news = takeNews() {
                do {
                    return try await answer(news)
                } catch {
                    // A failed or cancelled read: the next call answers it.
                    inbox.withLock { $0.insert(news, at: 0) }
                    throw error
                }
            }
            let (round, isThrough) = try await collect()
            if isClosed { break }
            if !round.deliveries.isEmpty { return .delivered(round.deliveries) }
            if let head = blocked.popFirst() { return .blocked(by: head) }
            if isThrough { await signal.wait(until: round.due, by: log.clock) }
        }
        return nil
    }

    func settle(_ units: [SettleUnit]) async throws -> [SettleOutcome] {
        // One at a time: a second settlement would write a position without the records that the first is finishing.
        try await settling.withLock {
            let decision = table.decide(units)
            guard !decision.positions.isEmpty else { return decision.outcomes }
            try await log.settle(
                decision.appends, decision.positions.map { ($0.key.group, $0.key.partition, $0.value) })
            table.apply(decision)
            signal.raise()
            return decision.outcomes
        }
    }

    func release(_ revocation: Revocation) async {
        // Waits for a running settlement: the next owner reads the position as soon as it has the partition.
        await settling.withLock {
            for partition in revocation.partitions {
                drop(MemberTable.Key(group: revocation.group, partition: partition))
            }
            log.release(member, group: revocation.group, revocation.partitions)
        }
    }

    func close() async {
        guard !isClosed else { return }
        isClosed = true
        await settling.withLock {
            table.held = [:]
            rotation = []
            log.leave(member, groups: Set(subscriptions.map(\.group)))
        }
        signal.raise()
    }

    // MARK: Groups

    private func takeNews() -> News? {
        inbox.withLock { $0.isEmpty ? nil : $0.removeFirst() }
    }

    private func answer(_ news: News) async throws -> SessionEvent {
        switch news {
        case .revoke(let group, let partitions):
            for partition in partitions {
                table.held[MemberTable.Key(group: group, partition: partition)]?.isRevoking = true
            }
            return .revoking(Revocation(group: group, partitions: partitions))
        case .assign(let group, let partitions):
            let positions = try await log.positions(of: group)
            var assigned: [AssignedPartition] = []
            for partition in partitions {
                let position = positions[partition] ?? GroupPosition(frontier: 0)
                if !position.isReadable { log.report(unreadable: position, of: group, in: partition) }
                epoch += 1
                let key = MemberTable.Key(group: group, partition: partition)
                let delay = subscriptions.first { $0.group == group && $0.topic == partition.topic }?.delay ?? .zero
                table.held[key] = PartitionIntake(
                    group: group, partition: partition, epoch: epoch, delay: delay, position: position)
                if !rotation.contains(key) { rotation.append(key) }
                assigned.append(
                    AssignedPartition(group: group, partition: partition, epoch: epoch, position: position))
            }
            return .assigned(assigned)
        }
    }

    private func drop(_ key: MemberTable.Key) {
        table.held[key] = nil
        rotation.removeAll { $0 == key }
    }

    // MARK: Records

    /// Collects the due records from each partition in turn, as many as were granted.
    /// - Returns: the round, and whether no partition has more records to read.
    private func collect() async throws -> (DeliveryRound, isThrough: Bool) {
        var round = DeliveryRound(share: Self.share)
        var isThrough = true
        for key in rotation {
            guard credits > 0 else { break }
            do {
                try await fill(key)
            } catch {
                // What other partitions gave must reach the caller; the next call meets the error again.
                if round.deliveries.isEmpty { throw error }
                break
            }
            // The partition may have been released or revoked while its page was read.
            guard var partition = table.held[key], !partition.isRevoking else { continue }
            round.take(from: &partition, credits: &credits, now: log.clock.now)
            if partition.buffer.isEmpty {
                // An earlier owner may have finished the whole page: reads on before waiting.
                if partition.cursor < log.end(of: key.partition) { isThrough = false }
            }
            table.held[key] = partition
        }
        blocked += round.blocked
        rotation.rotate()
        return (round, isThrough)
    }

    private func fill(_ key: MemberTable.Key) async throws {
        guard let partition = table.held[key], !partition.isRevoking, partition.buffer.isEmpty,
            partition.cursor < log.end(of: key.partition)
        else { return }
        let (page, earliest) = try await log.page(
            key.partition, from: partition.cursor, records: Self.share * 2, bytes: Self.pageBytes)
        guard table.held[key]?.epoch == partition.epoch, table.held[key]?.cursor == partition.cursor else { return }
        guard partition.cursor >= earliest else {
            throw LogError.positionLost(
                group: key.group, partition: key.partition, position: partition.cursor, earliest: earliest)
        }
        table.held[key]?.buffer = page.records[...]
        table.held[key]?.fetchedAt = log.clock.now
        table.held[key]?.cursor = page.next
    }
}
