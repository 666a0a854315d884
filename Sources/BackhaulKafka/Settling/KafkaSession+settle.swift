internal import BackhaulLog
internal import CLibrdkafka
internal import Logging

/// Settlement: what may be written, written once.
extension KafkaSession {
    func settle(_ units: [SettleUnit]) async throws -> [SettleOutcome] {
        // One at a time: a second settlement would write a position without what the first, still under way, finishes.
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
                // The group is between two generations, or has moved on: decided anew once that is over.
                guard ContinuousClock.now < deadline else {
                    throw LogError.unavailable("the group is rebalancing; the decisions are kept")
                }
                await fate.waitThrough(for: .milliseconds(250))
                try await answerAssignments()
            }
        }
    }

    /// A unit that was answered is not sent again.
    private func forget(_ units: [SettleUnit]) {
        guard !table.confirmed.isEmpty else { return }
        table.confirmed.subtract(units.map(\.delivery))
    }

    /// The decision as bytes and positions, with the generation of each group at this very moment; nil while a group has
    /// none.
    ///
    /// No suspension between `decide` and here: a loss that comes in between would be missed. With the held answer a new
    /// generation cannot begin before this member has answered every loss, so a current generation vouches for the table.
    private func batch(_ decision: MemberTable.Decision) throws -> SettleBatch? {
        var batch = SettleBatch(records: try log.place(decision.appends), moves: [], members: [:])
        for (key, position) in decision.positions {
            batch.moves.append(SettleBatch.Move(group: key.group, partition: key.partition, position: position))
        }
        for group in batch.groups {
            guard let member = member(of: group) else { return nil }
            if member.isLost {
                // The group has not waited for this member's answer to a revocation: what is still in hand there can
                // never be settled, and the answer must not wait for it.
                table.dropRevoking(of: group)
                return nil
            }
            do {
                guard let identity = try member.identity() else {
                    // Put out of the group, and it cannot come back before the revocation that it holds is answered: nothing
                    // of those partitions can be settled under any generation. Kept, they would hold the answer back for
                    // ever, since the answer waits for their settlement.
                    table.dropRevoking(of: group)
                    return nil
                }
                batch.members[group] = identity
            } catch let failure as KafkaFailure {
                throw failure.logError("settling")
            }
        }
        return batch
    }

    /// - Returns: whether it is in the log; if not, it has to be decided anew.
    private func write(_ batch: SettleBatch, _ decision: MemberTable.Decision) async throws -> Bool {
        guard let committer else { throw LogError.closed }
        do {
            try await committer.commit(batch)
            table.apply(decision)
            return true
        } catch SettleFailure.aborted(let failure) {
            logger.notice(
                "a settlement was aborted and is sent again",
                metadata: ["error": "\(failure)", "decisions": "\(decision.outcomes.count)"])
            if failure.isStaleMember { return false }
            throw failure.logError("settling")
        } catch SettleFailure.uncertain(let failure) {
            logger.notice(
                "a settlement got no answer; the groups' positions will tell",
                metadata: ["error": "\(failure)", "decisions": "\(decision.outcomes.count)"])
            unresolved = decision
            try await resolve()
            return table.isConfirmed(decision)
        }
    }

    /// Finds out whether the decision without an answer is in the log. As long as that cannot be found out, it throws
    /// and nothing else is settled: the next settlement begins here again.
    private func resolve() async throws {
        guard let decision = unresolved else { return }
        guard let committer else { throw LogError.closed }
        // The producer that wrote it is fenced by its successor, so from here on it is there, or never will be.
        try await committer.prepare()
        var positions: [MemberTable.Key: GroupPosition] = [:]
        for group in Set(decision.positions.keys.map(\.group)) {
            guard let handle = handle(of: group) else { throw LogError.closed }
            let partitions = decision.positions.keys.filter { $0.group == group }.map(\.partition)
            do {
                for (partition, position) in try await handle.committed(partitions, timeout: 5_000) {
                    positions[MemberTable.Key(group: group, partition: partition)] = position
                }
            } catch let failure as KafkaFailure {
                throw failure.logError("asking whether a settlement was written")
            }
        }
        if MemberTable.isWritten(decision, at: positions) { table.confirm(decision) }
        unresolved = nil
    }
}
