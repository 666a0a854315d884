internal import BackhaulLog
internal import Logging

/// Reads the group's positions of newly assigned partitions.
extension KafkaSession {
    /// How long a position is unstable before its transaction counts as left open. A settlement takes milliseconds.
    private static let patience = Duration.seconds(1)

    /// The group's positions; retries until the brokers answer. nil when the session was closed meanwhile.
    ///
    /// The brokers do not return positions that an open transaction is about to move. The previous owner may have been
    /// killed inside one, so this ends transactions that were left open. If the producer of such a transaction is still
    /// alive (a process that was stopped, then evicted from the group), it is fenced: its session creates a new
    /// producer and resolves the settlement, as after any commit without an answer.
    /// - Throws: `LogError`; `CancellationError`.
    func positions(_ partitions: [TopicPartition], of group: String, _ handle: KafkaHandle) async throws
        -> [TopicPartition: GroupPosition]?
    {
        guard !partitions.isEmpty else { return [:] }
        var open = OpenTransactions()
        var ended: Set<String> = []
        while !isClosed {
            do {
                return try await handle.committed(partitions, timeout: 1_000)
            } catch let failure as KafkaError {
                let error = failure.logError("reading the positions of '\(group)'")
                guard case .unavailable = error else { throw error }
                logger.notice("waiting for positions", metadata: ["group": "\(group)", "error": "\(failure)"])
            }
            // After a cancel the assignment stays queued for the next caller.
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
                // The loop retries, and the brokers end the transaction themselves after its time-out.
                logger.notice(
                    "the search for open transactions failed",
                    metadata: ["group": "\(group)", "error": "\(error)"])
            }
            guard !isClosed else { break }
            await fate.wait(for: .milliseconds(300))
        }
        return nil
    }

    /// The producers whose open transactions block these positions and whose processes have left the group.
    private func gone(
        _ partitions: [TopicPartition], of group: String, _ open: inout OpenTransactions
    ) async throws -> [String] {
        let admin = try await log.admin()
        let unstable = try await admin.unstablePositions(of: group, in: partitions)
        let own = committer?.writer
        // Only ids of this program: the text comes from the brokers, and a client that may write there must not choose
        // which producers are ended. The session resolves its own producer.
        let writers = open.overdue(unstable, at: .now, patience: Self.patience).filter {
            $0.hasPrefix(log.transactionalPrefix) && $0 != own
        }
        guard !isClosed, !writers.isEmpty else { return [] }
        // The last writer of a position need not be the dead process, which may have owned the partition only after it
        // and is then unknown. So this spares writers whose process is still a member of the group.
        let members = try await admin.clients(of: group).map { log.transactionalPrefix(of: $0) }
        return writers.filter { writer in !members.contains { writer.hasPrefix($0) } }.sorted()
    }

    /// Ends an open transaction. A process that is killed during a settlement leaves one: until the brokers end it, the
    /// partitions' next owner can read neither the positions that it was to move (`UNSTABLE_OFFSET_COMMIT`) nor what it
    /// wrote. The brokers end it at their next check after `transaction.timeout.ms`; they check every 10 s
    /// (`transaction.abort.timed.out.transaction.cleanup.interval.ms`). To initialise the same transactional id ends it
    /// at once (KIP-98): aborted, or committed if the commit had been requested.
    private func end(transactionOf writer: String) async throws {
        // A short time-out: the caller retries, and the session may be closed meanwhile.
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
