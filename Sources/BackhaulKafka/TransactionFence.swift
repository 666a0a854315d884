internal import BackhaulLog
internal import CLibrdkafka

/// Ends the transaction of a producer that is gone.
///
/// A process that is killed in the middle of a settlement leaves its transaction open. Until the brokers end it, the positions
/// that it was to move cannot be read by the partitions' next owner (`UNSTABLE_OFFSET_COMMIT`), nor what it wrote to. They do so
/// when `transaction.timeout.ms` is over and they next look, which is every 10 s
/// (`transaction.abort.timed.out.transaction.cleanup.interval.ms`). Whoever initialises the same transactional id ends it at
/// once (KIP-98): aborted, or completed if the commit had been ordered.
struct TransactionFence: Sendable {
    let clients: KafkaClients

    /// - Throws: `LogError`.
    /// - Parameter isolation: the actor that asks.
    func end(_ transactionalID: String, isolation: isolated (any Actor)? = #isolation) async throws {
        let timeout = String(clients.options.transactionTimeout)
        let handle = try clients.open(
            .producer, name: "fence",
            properties: [
                "transactional.id": transactionalID, "transaction.timeout.ms": timeout, "message.timeout.ms": timeout,
            ])
        // Whoever waits for it asks again, and may be asked to stop meanwhile.
        let patience = Int32(clamping: min(5_000, clients.options.requestTimeout))
        do {
            try await handle.calls.run {
                try KafkaFailure.check(rd_kafka_init_transactions(handle.client, patience))
            }
        } catch let failure as KafkaFailure {
            await clients.close(handle)
            throw failure.logError("ending the transaction of '\(transactionalID)'")
        } catch {
            await clients.close(handle)
            throw error
        }
        await clients.close(handle)
    }
}
