internal import BackhaulLog
internal import Logging

/// Where a group stands in partitions that a session is given.
extension KafkaSession {
    /// How long a position may be unstable before the transaction over it counts as left open. A settlement takes
    /// milliseconds.
    private static let patience = Duration.seconds(1)

    /// Where the group stands; asks until it is told. nil when the session was closed meanwhile.
    ///
    /// The last owner may have been killed in the middle of a transaction: then the brokers do not tell. Such a transaction
    /// is ended here. Should its producer live after all (a process that was stopped, and put out of the group), then it is
    /// fenced: it makes a new one and looks up what became of its settlement, as after any commit without an answer.
    func positions(_ partitions: [TopicPartition], of group: String, _ handle: KafkaHandle) async throws
        -> [TopicPartition: GroupPosition]?
    {
        guard !partitions.isEmpty else { return [:] }
        var open = OpenTransactions()
        var ended: Set<String> = []
        while !isClosed {
            do {
                return try await handle.committed(partitions, timeout: 1_000)
            } catch let failure as KafkaFailure {
                let error = failure.logError("reading the positions of '\(group)'")
                guard case .unavailable = error else { throw error }
                logger.notice("waiting for positions", metadata: ["group": "\(group)", "error": "\(failure)"])
            }
            // The assignment stays where it is, for the next caller.
            try Task.checkCancellation()
            do {
                for writer in try await gone(partitions, of: group, &open) where !ended.contains(writer) && !isClosed {
                    try await end(transactionOf: writer)
                    ended.insert(writer)
                    logger.notice(
                        "ended a transaction that was left open",
                        metadata: ["group": "\(group)", "producer": "\(writer)"])
                }
            } catch {
                // Asked again, and the brokers end it themselves in the end.
                logger.notice(
                    "looking for transactions that were left open failed",
                    metadata: ["group": "\(group)", "error": "\(error)"])
            }
            guard !isClosed else { break }
            await fate.wait(for: .milliseconds(300))
        }
        return nil
    }

    /// The producers whose transactions hold these positions back, and whose processes have left the group.
    private func gone(
        _ partitions: [TopicPartition], of group: String, _ open: inout OpenTransactions
    ) async throws -> [String] {
        let admin = try await log.admin()
        let unstable = try await admin.unstablePositions(of: group, in: partitions)
        let own = committer?.writer
        // Of this program only: the text comes from the brokers, and whoever may write there must not choose whom it ends.
        // The session's own producer looks after itself.
        let writers = open.overdue(unstable, at: .now, patience: Self.patience).filter {
            $0.hasPrefix(log.transactionalPrefix) && $0 != own
        }
        guard !isClosed, !writers.isEmpty else { return [] }
        // The last to have moved a position need not be the one that died over it: that one may have had the partition only
        // since, and then it is not known. A member of the group lives.
        let members = try await admin.clients(of: group).map { log.transactionalPrefix(of: $0) }
        return writers.filter { writer in !members.contains { writer.hasPrefix($0) } }.sorted()
    }

    /// A process that is killed in the middle of a settlement leaves its transaction open. Until the brokers end it, the
    /// positions that it was to move cannot be read by the partitions' next owner (`UNSTABLE_OFFSET_COMMIT`), nor what it
    /// wrote to. They do so when `transaction.timeout.ms` is over and they next look, which is every 10 s
    /// (`transaction.abort.timed.out.transaction.cleanup.interval.ms`). Whoever initialises the same transactional id ends it
    /// at once (KIP-98): aborted, or completed if the commit had been ordered.
    private func end(transactionOf writer: String) async throws {
        // Short: whoever waits for it asks again, and may be asked to stop meanwhile.
        let successor = TransactionalCommitter(
            name: "fence", transactionalID: writer, clients: clients, patience: 5_000)
        do {
            try await successor.prepare()
        } catch {
            await successor.close()
            throw error
        }
        await successor.close()
    }
}
