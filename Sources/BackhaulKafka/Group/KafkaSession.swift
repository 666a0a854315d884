internal import BackhaulLog
internal import BackhaulLoop
internal import BackhaulTelemetry
internal import CLibrdkafka
internal import Logging

/// A member of one or more Kafka groups. It runs on the log's loop, so the table always agrees with what librdkafka has
/// reported: nothing runs between the decision which units may be settled and the snapshot of the generation that
/// fences them.
actor KafkaSession: LogSession {
    let clients: KafkaClients
    nonisolated var unownedExecutor: UnownedSerialExecutor { clients.loop.executor.asUnownedSerialExecutor() }

    let log: KafkaLog
    var logger: Logger { clients.logger }
    private let clock: any LogClock
    private let subscriptions: [Subscription]
    let settling = FIFOLock()
    /// Raised when `next` may have something to return.
    private nonisolated let signal = Signal()
    /// Raised when the ownership of a partition becomes known.
    nonisolated let fate = Signal()
    var committer: (any Committer)?

    var table = MemberTable()
    /// A decision whose commit got no answer; nil once it is resolved.
    var unresolved: MemberTable.Decision?
    private var members: [String: GroupMember] = [:]
    private var raised: Int?
    /// Assignments whose positions are not known yet, in order.
    private var assigning: [(group: String, partitions: [TopicPartition])] = []
    private var isAssigning = false
    /// Held while assignments are answered.
    private let answering = FIFOLock()
    private var events: [SessionEvent] = []
    private var joinedGroups: Set<String> = []
    private var joiners: [Int: CheckedContinuation<Void, any Error>] = [:]
    private var nextJoiner = 0
    private var failure: LogError?
    /// The order in which partitions deliver records; rotates, so that none starves another.
    private var rotation: [MemberTable.Key] = []
    private var credits = 0
    private var epoch = 0
    private(set) var isClosed = false

    /// The most records of one partition in one event, and in its buffer.
    private static let share = 128

    init(
        log: KafkaLog, clients: KafkaClients, subscriptions: [Subscription], clock: any LogClock
    ) {
        self.log = log
        self.clients = clients
        self.subscriptions = subscriptions
        self.clock = clock
    }

    /// Joins the groups.
    func open(_ committer: any Committer) async throws {
        self.committer = committer
        try await committer.prepare()
        raised = clients.loop.wake { [signal] in signal.raise() }
        for group in Set(subscriptions.map(\.group)).sorted() {
            var properties = ["group.id": group]
            // Six delay topics of eight partitions are about fifty queues, and their records are not urgent.
            if subscriptions.allSatisfy({ $0.group != group || $0.delay > .zero }) {
                properties["fetch.message.max.bytes"] = "131072"
            }
            let handle = try clients.open(.member, name: group, properties: properties) { [weak self] event in
                self?.assumeIsolated { $0.receive(event, of: group) }
            }
            let member = GroupMember(group: group, handle: handle, loop: clients.loop)
            do {
                try member.join(subscriptions.filter { $0.group == group }.map(\.topic))
            } catch {
                await clients.close(handle)
                throw error
            }
            members[group] = member
        }
    }

    func joined() async throws {
        guard !isClosed else { throw LogError.closed }
        guard joinedGroups.count < members.count else { return }
        nextJoiner += 1
        let id = nextJoiner
        let executor = clients.loop.executor
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                if Task.isCancelled {
                    continuation.resume(throwing: CancellationError())
                } else {
                    joiners[id] = continuation
                }
            }
        } onCancel: {
            // Runs on the loop after the registration above, which does not suspend.
            executor.perform { [weak self] in
                self?.assumeIsolated { $0.joiners.removeValue(forKey: id)?.resume(throwing: CancellationError()) }
            }
        }
    }

    func grant(_ records: Int) {
        credits += records
        signal.raise()
    }

    func next() async throws -> SessionEvent? {
        while !isClosed {
            try Task.checkCancellation()
            try await answerAssignments()
            if let failure { throw failure }
            if isClosed { break }
            if !events.isEmpty { return events.removeFirst() }
            let (round, isThrough) = try collect()
            if !round.deliveries.isEmpty { return .delivered(round.deliveries) }
            if !events.isEmpty { continue }
            if isThrough { await signal.wait(until: round.due, by: clock) }
        }
        if let failure { throw failure }
        return nil
    }

    func release(_ revocation: Revocation) async throws {
        // Waits for a running settlement: the next owner reads the position as soon as it has the partition.
        try await settling.withLock {
            guard !isClosed, let member = members[revocation.group] else { return }
            for partition in revocation.partitions {
                let key = MemberTable.Key(group: revocation.group, partition: partition)
                table.held[key] = nil
                rotation.removeAll { $0 == key }
            }
            do {
                try member.unassign(revocation.partitions)
            } catch let failure as KafkaError {
                throw failure.logError("releasing partitions of '\(revocation.group)'")
            }
        }
    }

    /// Leaves the groups and closes the session.
    func close() async { await end(leaving: true) }

    /// Ends as a killed process does: the groups notice when the session times out.
    func abandon() async { await end(leaving: false) }

    private func end(leaving: Bool) async {
        guard !isClosed else { return }
        isClosed = true
        signal.raise()
        fate.raise()
        for joiner in joiners.values { joiner.resume(throwing: failure ?? LogError.closed) }
        joiners = [:]
        await settling.withLock {}
        // `answerAssignments` may be using a client that is destroyed below; it checks `isClosed` between two requests.
        // A lock and not a signal: in a cancelled task a wait for a signal returns at once, and a loop around it spins.
        await answering.withLock {}
        let old = Array(members.values)
        if leaving { await leave(old) }
        for member in old {
            // Before any client is destroyed, since new credentials go to all live clients.
            clients.live.remove(member.handle)
            clients.loop.unserve(member.handle.queue)
        }
        if let raised { clients.loop.forget(raised) }
        raised = nil
        members = [:]
        for member in old { member.dropQueues() }
        let handles = old.filter(\.wasAssigned).map(\.handle)
        async let destroyed: Void = clients.destroy(handles)
        await committer?.close()
        await destroyed
        log.forget(self)
    }

    /// Leaves the groups and waits until the brokers know, at most five seconds: the cluster may be down, and
    /// librdkafka before 2.4 may hang here.
    private func leave(_ leaving: [GroupMember]) async {
        for member in leaving {
            if let error = rd_kafka_consumer_close_queue(member.handle.client, member.handle.queue) {
                _ = KafkaError(taking: error)
            }
        }
        let deadline = ContinuousClock.now + .seconds(5)
        while leaving.contains(where: { rd_kafka_consumer_closed($0.handle.client) == 0 }),
            ContinuousClock.now < deadline
        {
            await signal.waitThrough(for: .milliseconds(100))
        }
    }

    // MARK: Groups

    func member(of group: String) -> GroupMember? { members[group] }

    func handle(of group: String) -> KafkaHandle? { members[group]?.handle }

    private func receive(_ event: KafkaLoop.Event, of group: String) {
        guard let member = members[group], let news = GroupMember.news(event, of: member.handle.client) else { return }
        clients.meters.rebalances.add(1, [group, news.word])
        switch news {
        case .assign(let partitions):
            member.wasAssigned = true
            if isClosed {
                try? member.unassign(partitions)
            } else if partitions.isEmpty, assigning.isEmpty {
                // Follows each revocation, and the group waits for the answer whether or not anything calls `next`.
                try? member.assign([:])
                completeAssignment([], of: group, at: [:])
            } else {
                assigning.append((group, partitions))
            }
        case .revoke(let partitions):
            if isClosed || partitions.isEmpty {
                try? member.unassign(partitions)
                break
            }
            for partition in partitions {
                table.held[MemberTable.Key(group: group, partition: partition)]?.isRevoking = true
            }
            // The other members wait for the answer, and the broker waits at most `max.poll.interval.ms`.
            let allowance = Duration.milliseconds(max(500, clients.options.maximumPollInterval / 2))
            events.append(.revoking(Revocation(group: group, partitions: partitions, allowance: allowance)))
        case .lost(let partitions):
            logger.warning("partitions were lost", metadata: ["group": "\(group)", "count": "\(partitions.count)"])
            let gone = table.lose(partitions, of: group) { partition in
                subscriptions.contains { $0.group == group && $0.topic == partition.topic && $0.keepsAcrossLoss }
            }
            rotation.removeAll { $0.group == group && partitions.contains($0.partition) }
            try? member.unassign(partitions)
            if !gone.isEmpty { events.append(.lost(Revocation(group: group, partitions: gone))) }
        }
        signal.raise()
        fate.raise()
    }

    /// Answers the pending assignments: reads the groups' positions and starts to fetch there. Every caller that waits
    /// for an assignment calls this; only one call runs at a time.
    func answerAssignments() async throws {
        guard !isAssigning, !assigning.isEmpty else { return }
        isAssigning = true
        defer {
            isAssigning = false
            signal.raise()
            fate.raise()
        }
        try await answering.withLock { try await answerEach() }
    }

    private func answerEach() async throws {
        while !isClosed, let (group, partitions) = assigning.first {
            guard let member = members[group] else { break }
            let positions = try await positions(partitions, of: group, member.handle)
            guard !isClosed, var positions else { return }
            let free = partitions.filter { partition in
                positions[partition] == nil
                    && subscriptions.contains {
                        $0.group == group && $0.topic == partition.topic && $0.startsAtEarliest
                    }
            }
            for (partition, offset) in free.isEmpty ? [:] : try await log.earliest(free) {
                positions[partition] = GroupPosition(frontier: offset)
            }
            guard !isClosed else { return }
            assigning.removeFirst()
            for partition in partitions.sorted() where positions[partition] == nil {
                failure = .positionMissing(group: group, partition: partition)
            }
            if let failure { throw failure }
            var intakes: [PartitionIntake] = []
            for partition in partitions.sorted() {
                guard let position = positions[partition] else { continue }
                epoch += 1
                let delay = subscriptions.first { $0.group == group && $0.topic == partition.topic }?.delay ?? .zero
                if !position.isReadable {
                    logger.warning(
                        "the group's position is unreadable: records that were finished beyond it are delivered again",
                        metadata: ["group": "\(group)", "partition": "\(partition)"])
                }
                intakes.append(
                    PartitionIntake(
                        group: group, partition: partition, epoch: epoch, delay: delay, position: position))
            }
            do {
                try member.assign(positions)
            } catch let failure as KafkaError {
                throw failure.logError("accepting partitions of '\(group)'")
            }
            completeAssignment(intakes, of: group, at: positions)
        }
    }

    /// Records an assignment that has been answered.
    private func completeAssignment(
        _ intakes: [PartitionIntake], of group: String, at positions: [TopicPartition: GroupPosition]
    ) {
        let gone = table.assign(intakes, of: group)
        rotation += intakes.map { MemberTable.Key(group: group, partition: $0.partition) }
        if !gone.isEmpty { events.append(.lost(Revocation(group: group, partitions: gone))) }
        events.append(
            .assigned(
                intakes.map {
                    AssignedPartition(
                        group: group, partition: $0.partition, epoch: $0.epoch,
                        position: positions[$0.partition] ?? GroupPosition(frontier: 0))
                }))
        joinedGroups.insert(group)
        guard joinedGroups.count == members.count else { return }
        for joiner in joiners.values { joiner.resume() }
        joiners = [:]
    }

    // MARK: Records

    /// Collects the due records from each partition in turn, as many as were granted.
    /// - Returns: the round, and whether no partition has more records to read.
    private func collect() throws -> (DeliveryRound, isThrough: Bool) {
        var round = DeliveryRound(share: Self.share)
        var isThrough = true
        for key in rotation {
            guard credits > 0 else { break }
            guard var intake = table.held[key], !intake.isRevoking else { continue }
            if intake.buffer.isEmpty, try refill(&intake, key) { isThrough = false }
            round.take(from: &intake, credits: &credits, now: clock.now)
            table.held[key] = intake
        }
        events += round.blocked.map { .blocked(by: $0) }
        rotation.rotate()
        return (round, isThrough)
    }

    /// Fills the buffer from the partition's queue.
    /// - Returns: whether the queue had records.
    private func refill(_ intake: inout PartitionIntake, _ key: MemberTable.Key) throws -> Bool {
        guard let queue = members[key.group]?.queues[key.partition] else { return false }
        var taken = false
        var records: [StoredRecord] = []
        while records.count < Self.share, let item = queue.take() {
            switch item {
            case .record(let stored):
                taken = true
                records.append(stored)
                intake.cursor = max(intake.cursor, stored.position.offset + 1)
            case .end(let offset):
                intake.cursor = max(intake.cursor, offset)
            case .positionGone:
                failure = .positionLost(
                    group: key.group, partition: key.partition, position: intake.cursor,
                    earliest: members[key.group]?.earliest(of: key.partition) ?? intake.cursor)
                throw failure ?? LogError.closed
            case .trouble(let failure):
                logger.debug("fetch", metadata: ["partition": "\(key.partition)", "error": "\(failure)"])
            }
        }
        if !records.isEmpty {
            intake.buffer = records[...]
            intake.fetchedAt = clock.now
        }
        return taken
    }
}
