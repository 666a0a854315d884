internal import BackhaulDomain
internal import BackhaulLog
package import BackhaulUnits

/// One lane of a worker, as a machine: events in, actions out, in batches. Pure: it makes no I/O and asks no clock.
///
/// It owns what is in hand: every delivery from its arrival until its decision is in the log. A task that may begin
/// waits in the admission's queues; one that waits for a time, for its turn in its key's order, or for a place or a
/// root that is down, waits as a value, or only as the place of its record, which is read again when its turn comes.
/// What waits in place writes nothing and holds neither a slot nor a credit.
package struct LaneMachine: Sendable {
    package let kind: LaneKind
    let options: WorkerOptions
    let writer: DecisionWriter
    /// All retry tiers: those configured, and those that exist and have to be drained.
    let tiers: [Duration]
    let rules: LaneRules

    var now = Timestamp.earliest
    var wall = Timestamp.earliest
    var actions: [LaneAction] = []

    var table: [DeliveryReference: Held] = [:]
    /// The deliveries that the lane holds, by task generation.
    var places: [TaskGeneration: DeliveryReference] = [:]
    var admission: Admission
    var order = KeyOrder<DeliveryReference>()
    var alarms = Alarms()
    var unmarked = MarkLine()
    var marked = MarkLine()
    var attempts: UInt64 = 0
    /// Deliveries that hold a slot.
    var running: Set<DeliveryReference> = []
    /// Tasks that may have killed workers, in the order of their arrival.
    var suspects: [DeliveryReference] = []

    var checkpoints: [LogPosition: Checkpoint] = [:]
    /// Partitions whose checkpoints are being read, with their deliveries.
    var arriving: [TopicPartition: Arrival] = [:]
    /// When each partition was acquired, by this machine's clock. If the log's clock is behind, a cancelled task only
    /// reports "may exist" needlessly.
    var ownedSince: [TopicPartition: Timestamp] = [:]
    /// How many more attempts of a partition begin with a mark, since the earlier owner may have died of the task.
    var marksFirst: [TopicPartition: Int] = [:]

    /// The number of deliveries that the session may have given without getting a credit back.
    var credits = 0
    /// Credits that are not granted again yet.
    var owed = 0
    /// Waiting tasks whose records are in memory.
    var loaded = 0
    /// Tasks that wait for a slot and keep their credit.
    var unlent: Set<DeliveryReference> = []
    var lastLook = Timestamp.earliest
    var drains: [Drain] = []
    /// Tasks that end without an object and leave something at their destinations; until the decision is in the log.
    var discards: [DeliveryReference: TaskDelivery] = [:]
    var isStopping = false
    var isFinished = false
    /// Records to read again, of this batch.
    var fetches: [DeliveryReference] = []

    package init(
        kind: LaneKind, options: WorkerOptions, writer: DecisionWriter, tiers: [Duration], rules: LaneRules
    ) {
        self.kind = kind
        self.options = options
        self.writer = writer
        self.tiers = tiers
        self.rules = rules
        let policy = options.policy
        let firstWait = min(Duration.seconds(1), policy.parkDelay)
        admission = Admission(
            options.admission(of: kind),
            places: BreakerPolicy(
                failures: policy.breakerFailures, firstWait: firstWait, longestWait: policy.parkDelay),
            roots: BreakerPolicy(failures: 1, firstWait: firstWait, longestWait: policy.parkDelay))
    }

    /// The first credits.
    package mutating func begin() -> [LaneAction] {
        credits = Self.credits(admission.limits)
        return [.grant(credits)]
    }

    /// Enough that a free slot never waits for the log, and few enough that memory stays small.
    static func credits(_ limits: AdmissionLimits) -> Int { limits.decisions + 2 * limits.uploads + 32 }

    /// Handles what has happened, in order.
    /// - Parameters:
    ///   - now: the steady clock.
    ///   - wall: the wall clock.
    package mutating func handle(_ events: [LaneEvent], now: Timestamp, wall: Timestamp) -> [LaneAction] {
        self.now = max(now, self.now)
        self.wall = wall
        for event in events { apply(event) }
        for reference in alarms.take(self.now) { rang(reference) }
        writeMarks()
        admit()
        lookAfterStuck()
        attendDrains()
        grantOwed()
        if !fetches.isEmpty {
            actions.append(.fetch(fetches))
            fetches = []
        }
        defer { actions = [] }
        return actions
    }

    private mutating func apply(_ event: LaneEvent) {
        switch event {
        case .session(let event): apply(event)
        case .inherited(let partition, let epoch, let found): inherit(partition, epoch, found)
        case .fetched(let records): for (reference, stored) in records { fetched(reference, stored) }
        case .ended(let reference, let number, let end, let sent): ended(reference, number, end, sent)
        case .settled(let settlements): for settlement in settlements { settled(settlement) }
        case .save(let reference, let number, let state): save(reference, number, state)
        case .cancelled(let task): cancel(task)
        case .progressed(let sent): for (reference, bytes) in sent { progressed(reference, bytes) }
        case .resized(let uploads): resize(uploads)
        case .stop(let grace): stop(grace: grace)
        case .tick: break
        }
    }

    private mutating func apply(_ event: SessionEvent) {
        switch event {
        case .assigned(let partitions): for found in partitions { arrive(found) }
        case .delivered(let deliveries): for delivery in deliveries where !hold(delivery) { accept(delivery) }
        case .revoking(let revocation): revoke(revocation)
        case .lost(let revocation): lose(revocation)
        case .blocked(let head): makeWay(head)
        }
    }

    /// When the machine has something to do without an event; nil for never.
    package var wake: Timestamp? {
        var next: Timestamp?
        func note(_ time: Timestamp?) { if let time { next = min(next ?? time, time) } }
        note(alarms.next)
        note(unmarked.next)
        note(marked.next)
        if mayAdmit { note(admission.nextProbe) }
        for drain in drains {
            note(drain.until)
            note(drain.abandonAt)
        }
        if !unlent.isEmpty { note(lastLook + Self.lookInterval) }
        return next
    }

    static let lookInterval = Duration.seconds(1)

    /// The numbers of deliveries that run or are being decided, and that wait.
    package var load: (running: Int, waiting: Int) {
        let waiting = table.values.count { $0.isWaiting }
        return (table.count - waiting, waiting)
    }

    private mutating func resize(_ uploads: Int) {
        let limits = options.admission(of: kind, uploads: uploads)
        admission.resize(limits)
        // Granted credits are never withdrawn. With fewer slots, more deliveries wait for one.
        let wanted = Self.credits(limits)
        guard wanted > credits else { return }
        owed += wanted - credits
        credits = wanted
    }

    /// Grants owed credits. Batches them while enough deliveries are in hand, since each grant makes the session scan
    /// its partitions.
    private mutating func grantOwed() {
        guard owed > 0, owed >= credits / 8 || admission.undecided <= admission.limits.decisions / 2 else { return }
        actions.append(.grant(owed))
        owed = 0
    }

    func settle(_ unit: SettleUnit, _ purpose: SettlePurpose) -> LaneAction {
        .settle(Settlement(unit: unit, purpose: purpose))
    }
}
