/// The partitions that a session owns, and those that it owned before a loss; decides what may be settled. Pure.
package struct MemberTable: Equatable, Sendable {
    /// A partition in one group of the session.
    package struct Key: Hashable, Sendable {
        package var group: String
        package var partition: TopicPartition

        package init(group: String, partition: TopicPartition) {
            self.group = group
            self.partition = partition
        }
    }

    package var held: [Key: PartitionIntake] = [:]
    /// Partitions lost without a revocation that are not known to have another owner yet. Their deliveries are kept: if
    /// the partition returns and a record is still unfinished, its decision is settled under the new generation.
    package var limbo: [Key: PartitionIntake] = [:]
    /// Deliveries whose commit got no answer but was written, as the groups' positions showed.
    package var confirmed: Set<DeliveryReference> = []

    package init() {}

    /// What a settlement may write.
    package struct Decision: Equatable, Sendable {
        package var outcomes: [SettleOutcome] = []
        package var appends: [AppendRequest] = []
        package var positions: [Key: GroupPosition] = [:]
        package var finished: [DeliveryReference] = []
        /// Whether some units belong to partitions in limbo: then the decision must wait until their owner is known.
        package var waits = false
    }

    package static func key(_ delivery: DeliveryReference) -> Key {
        Key(group: delivery.group, partition: delivery.position.partition)
    }

    package func decide(_ units: [SettleUnit]) -> Decision {
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

    /// Records that the decision is in the log. More may have been delivered meanwhile, so the offsets are finished in
    /// the current ledgers.
    package mutating func apply(_ decision: Decision) {
        for delivery in decision.finished { held[Self.key(delivery)]?.finish(delivery.position.offset) }
    }

    /// Records that a commit without an answer was written, as the groups' positions show.
    package mutating func confirm(_ decision: Decision) {
        apply(decision)
        for delivery in decision.finished { limbo[Self.key(delivery)]?.finish(delivery.position.offset) }
        confirmed.formUnion(decision.finished)
    }

    /// Records a loss of partitions.
    /// - Parameter keeps: whether deliveries of a partition may wait for its return.
    /// - Returns: the partitions whose deliveries are dropped at once.
    package mutating func lose(_ partitions: [TopicPartition], of group: String, keeps: (TopicPartition) -> Bool)
        -> [TopicPartition]
    {
        var gone: [TopicPartition] = []
        for partition in partitions {
            let key = Key(group: group, partition: partition)
            guard let intake = held.removeValue(forKey: key) else { continue }
            // The member was already giving up a partition under revocation, so it does not wait for its return.
            if keeps(partition), !intake.isRevoking { limbo[key] = intake } else { gone.append(partition) }
        }
        return gone
    }

    /// Drops partitions under revocation that got another owner before this member released them.
    package mutating func dropRevoking(of group: String) {
        held = held.filter { $0.key.group != group || !$0.value.isRevoking }
    }

    /// Records an assignment to this member.
    /// - Returns: the partitions in limbo that did not return.
    package mutating func assign(_ intakes: [PartitionIntake], of group: String) -> [TopicPartition] {
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
    package static func isWritten(_ decision: Decision, at positions: [Key: GroupPosition]) -> Bool {
        guard !decision.finished.isEmpty else { return false }
        for delivery in decision.finished {
            guard let position = positions[key(delivery)] else { return false }
            let offset = delivery.position.offset
            guard offset < position.frontier || position.finishedMap.contains(offset) else { return false }
        }
        return true
    }

    /// Whether every finished delivery of the decision is confirmed.
    package func isConfirmed(_ decision: Decision) -> Bool {
        !decision.finished.isEmpty && decision.finished.allSatisfy(confirmed.contains)
    }
}
