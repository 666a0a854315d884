internal import BackhaulLog

/// Writes each batch in one transaction; its transactional id is the writer's name.
struct KafkaExclusiveWriter: ExclusiveWriter {
    let log: KafkaLog
    let committer: TransactionalCommitter

    func begin() async throws {
        _ = try await log.partitionCounts()
        try await committer.begin()
    }

    func append(_ requests: [AppendRequest]) async throws {
        let batch = SettleBatch(records: try log.targets(of: requests), moves: [], members: [:])
        do {
            try await committer.commit(batch, reopens: false)
        } catch SettleError.aborted(let failure) {
            throw failure.logError("copying")
        } catch SettleError.uncertain(let failure) {
            throw LogError.unavailable("copying: \(failure)")
        }
    }

    func close() async { await committer.close() }
}
