internal import BackhaulLog
internal import Logging

/// Where a group stands in partitions that a session is given.
extension KafkaSession {
    /// How long a transaction that moves these positions may be open before it is taken for a dead process's. It was begun
    /// before the partitions were given to this session, and a live owner gives a partition up only between two of them; what
    /// is left is one that was put out of the group. One is written in milliseconds.
    private static let patience = Duration.seconds(1)

    /// Where the group stands; asks until it is told. nil when the session was closed meanwhile.
    ///
    /// The last owner may have been killed in the middle of a transaction: then the brokers do not tell. Such a transaction is
    /// ended here. That harms nobody: what of it is decided stays, and if its producer lives after all, it is fenced as the
    /// group has fenced it already, makes a new one and looks up what became of its settlement.
    func positions(_ partitions: [TopicPartition], of group: String, _ handle: KafkaHandle) async throws
        -> [TopicPartition: GroupPosition]?
    {
        guard !partitions.isEmpty else { return [:] }
        let start = ContinuousClock.now
        var fenced: Set<String> = []
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
            if ContinuousClock.now - start >= Self.patience {
                await endOpenTransactions(partitions, of: group, besides: &fenced)
            }
            await fate.wait(for: .milliseconds(300))
        }
        return nil
    }

    /// Ends the transactions that hold these positions back.
    /// - Parameter fenced: those that were ended before.
    private func endOpenTransactions(
        _ partitions: [TopicPartition], of group: String, besides fenced: inout Set<String>
    ) async {
        do {
            for writer in try await log.admin().openWriters(of: group, in: partitions).sorted() {
                // Of this program only: the text comes from the brokers, and whoever may write there must not choose whom
                // it ends. The session's own producer looks after itself.
                guard !isClosed, writer.hasPrefix(log.transactionalPrefix), writer != committer?.writer,
                    fenced.insert(writer).inserted
                else { continue }
                try await log.fence().end(writer)
                logger.notice(
                    "ended a transaction that was left open", metadata: ["group": "\(group)", "producer": "\(writer)"])
            }
        } catch {
            // Asked again, and the brokers end it themselves in the end.
            logger.notice(
                "a transaction that was left open could not be ended",
                metadata: ["group": "\(group)", "error": "\(error)"])
        }
    }
}
