internal import BackhaulLog

/// What a session holds, and what it held before a loss; pure. Says what may be settled.
struct MemberTable: Equatable, Sendable {
    /// A partition as a member holds it: one group of the session at a time.
    struct Key: Hashable, Sendable {
        var group: String
        var partition: TopicPartition
    }

    var held: [Key: PartitionIntake] = [:]
    /// Lost without having been asked back, and not known yet to be another's. What was in hand there is kept: if the
    /// partition returns and its record is still unfinished, the decision is settled under the new generation.
    var limbo: [Key: PartitionIntake] = [:]
    /// Deliveries that turned out to be settled after their commit's answer was lost.
    var confirmed: Set<DeliveryReference> = []

    /// What a settlement may write.
    struct Decision: Equatable, Sendable {
        var outcomes: [SettleOutcome] = []
        var appends: [AppendRequest] = []
        var positions: [Key: GroupPosition] = [:]
        var finished: [DeliveryReference] = []
        /// Some of it belongs to partitions in limbo: nothing can be decided before their fate is known.
        var waits = false
    }

    static func key(_ delivery: DeliveryReference) -> Key {
        Key(group: delivery.group, partition: delivery.position.partition)
    }

    func decide(_ units: [SettleUnit]) -> Decision {
        var decision = Decision()
        var touched: [Key: PartitionIntake] = [:]
        for unit in units {
            let key = Self.key(unit.delivery)
            if unit.finishes, confirmed.contains(unit.delivery) {
                decision.outcomes.append(.settled)
                continue
            }
            if held[key] == nil, let waiting = limbo[key], waiting.isOpen(unit.delivery) {
                decision.waits = true
                decision.outcomes.append(.dropped)
                continue
            }
            guard var intake = touched[key] ?? held[key], intake.isOpen(unit.delivery) else {
                decision.outcomes.append(.dropped)
                continue
            }
            if unit.finishes {
                intake.finish(unit.delivery.position.offset)
                decision.finished.append(unit.delivery)
            }
            touched[key] = intake
            decision.appends.append(contentsOf: unit.appends)
            decision.outcomes.append(.settled)
        }
        decision.positions = touched.mapValues(\.ledger.groupPosition)
        return decision
    }

    /// The decision is in the log. More may have been delivered meanwhile, so the finishes go into the ledgers as they
    /// are now.
    mutating func apply(_ decision: Decision) {
        for delivery in decision.finished { held[Self.key(delivery)]?.finish(delivery.position.offset) }
    }

    /// The decision's commit got no answer, and the groups' positions show that it is in the log.
    mutating func confirm(_ decision: Decision) {
        apply(decision)
        for delivery in decision.finished { limbo[Self.key(delivery)]?.finish(delivery.position.offset) }
        confirmed.formUnion(decision.finished)
    }

    /// The partitions of a group were lost.
    /// - Parameter keeps: whether what is in hand there may wait for their return.
    /// - Returns: those whose deliveries are dropped at once.
    mutating func lose(_ partitions: [TopicPartition], of group: String, keeps: (TopicPartition) -> Bool)
        -> [TopicPartition]
    {
        var gone: [TopicPartition] = []
        for partition in partitions {
            let key = Key(group: group, partition: partition)
            guard let intake = held.removeValue(forKey: key) else { continue }
            // What was on its way out would not have come back in order either.
            if keeps(partition), !intake.isRevoking { limbo[key] = intake } else { gone.append(partition) }
        }
        return gone
    }

    /// Partitions that are on their way out have become another's before this member was through with them.
    mutating func dropRevoking(of group: String) {
        held = held.filter { $0.key.group != group || !$0.value.isRevoking }
    }

    /// A group has given this member its partitions.
    /// - Returns: the partitions in limbo that went to others.
    mutating func assign(_ intakes: [PartitionIntake], of group: String) -> [TopicPartition] {
        for var intake in intakes {
            let key = Key(group: group, partition: intake.partition)
            if let earlier = limbo.removeValue(forKey: key) { intake.adopt(earlier) }
            held[key] = intake
        }
        let gone = limbo.keys.filter { $0.group == group }
        for key in gone { limbo[key] = nil }
        return gone.map(\.partition).sorted()
    }

    /// Whether the groups' positions show that the decision is in the log.
    static func isWritten(_ decision: Decision, at positions: [Key: GroupPosition]) -> Bool {
        guard !decision.finished.isEmpty else { return false }
        for delivery in decision.finished {
            guard let position = positions[key(delivery)] else { return false }
            let offset = delivery.position.offset
            guard offset < position.frontier || position.finishedMap.contains(offset) else { return false }
        }
        return true
    }

    /// Whether every finished delivery of the decision turned out to be settled.
    func isConfirmed(_ decision: Decision) -> Bool {
        !decision.finished.isEmpty && decision.finished.allSatisfy(confirmed.contains)
    }
}
