internal import BackhaulLog
internal import CLibrdkafka
internal import Logging

/// Settlement: writes each decision once.
extension KafkaSession {
    func settle(_ units: [SettleUnit]) async throws -> [SettleOutcome] {
        // One at a time: a second settlement would write a position without the records that the first is finishing.
        try await settling.withLock {
            let deadline = ContinuousClock.now + .seconds(5)
            while true {
                guard !isClosed else { throw LogError.closed }
                try await resolve()
                let decision = table.decide(units)
                if !decision.waits {
                    if decision.positions.isEmpty {
                        forget(units)
                        return decision.outcomes
                    }
                    if let batch = try batch(decision), try await write(batch, decision) {
                        forget(units)
                        return decision.outcomes
                    }
                }
                // The group is rebalancing, or has a new generation: decides again afterwards.
                guard ContinuousClock.now < deadline else {
                    throw LogError.unavailable("the group is rebalancing; the decisions are kept")
                }
                await fate.waitThrough(for: .milliseconds(250))
                try await answerAssignments()
            }
        }
    }

    /// Forgets confirmed deliveries: an answered unit is not settled again.
    private func forget(_ units: [SettleUnit]) {
        guard !table.confirmed.isEmpty else { return }
        table.confirmed.subtract(units.map(\.delivery))
    }

    /// The decision as records and positions, with the current generation of each group; nil while a group has none.
    ///
    /// There must be no suspension between `decide` and here: a loss in between would be missed. A new generation
    /// cannot begin before this member has answered every loss, so a current generation proves that the table is up to
    /// date.
    private func batch(_ decision: MemberTable.Decision) throws -> SettleBatch? {
        var batch = SettleBatch(records: try log.targets(of: decision.appends), moves: [], members: [:])
        for (key, position) in decision.positions {
            batch.moves.append(SettleBatch.Move(group: key.group, partition: key.partition, position: position))
        }
        for group in batch.groups {
            guard let member = member(of: group) else { return nil }
            if member.isLost {
                // The group did not wait for this member's answer to a revocation: the deliveries of those partitions
                // can never be settled, and the answer must not wait for them.
                table.dropRevoking(of: group)
                return nil
            }
            do {
                guard let identity = try member.identity() else {
                    // The member was evicted and cannot rejoin before it answers the pending revocation, so no
                    // generation can settle deliveries of those partitions. If they stayed, the answer would wait for
                    // their settlement forever.
                    table.dropRevoking(of: group)
                    return nil
                }
                batch.members[group] = identity
            } catch let failure as KafkaError {
                throw failure.logError("settling")
            }
        }
        return batch
    }

    /// - Returns: whether the decision is in the log; if not, the caller must decide again.
    private func write(_ batch: SettleBatch, _ decision: MemberTable.Decision) async throws -> Bool {
        guard let committer else { throw LogError.closed }
        do {
            try await committer.commit(batch)
            table.apply(decision)
            return true
        } catch SettleError.aborted(let failure) {
            logger.notice(
                "a settlement was aborted and is sent again",
                metadata: ["error": "\(failure)", "decisions": "\(decision.outcomes.count)"])
            if failure.isStaleMember { return false }
            throw failure.logError("settling")
        } catch SettleError.uncertain(let failure) {
            logger.notice(
                "a settlement got no answer; the groups' positions show whether it was written",
                metadata: ["error": "\(failure)", "decisions": "\(decision.outcomes.count)"])
            unresolved = decision
            try await resolve()
            return table.isConfirmed(decision)
        }
    }

    /// Determines whether the decision without an answer is in the log. While it cannot, it throws and nothing else is
    /// settled: the next settlement tries again first.
    private func resolve() async throws {
        guard let decision = unresolved else { return }
        guard let committer else { throw LogError.closed }
        // `prepare` fences the producer that wrote it, so from here on the decision is in the log or never will be.
        try await committer.prepare()
        var positions: [MemberTable.Key: GroupPosition] = [:]
        for group in Set(decision.positions.keys.map(\.group)) {
            guard let handle = handle(of: group) else { throw LogError.closed }
            let partitions = decision.positions.keys.filter { $0.group == group }.map(\.partition)
            do {
                for (partition, position) in try await handle.committed(partitions, timeout: 5_000) {
                    positions[MemberTable.Key(group: group, partition: partition)] = position
                }
            } catch let failure as KafkaError {
                throw failure.logError("checking whether a settlement was written")
            }
        }
        if MemberTable.isWritten(decision, at: positions) { table.confirm(decision) }
        unresolved = nil
    }
}
