package import BackhaulLog

extension LogSession {
    /// Settles as every stage does: retries transient errors for two minutes. On a busy machine, a group takes long
    /// to rebalance and reports a transient error meanwhile.
    package func settlePatiently(_ units: [SettleUnit]) async throws -> [SettleOutcome] {
        let end = ContinuousClock.now + .seconds(120)
        while true {
            do {
                return try await settle(units)
            } catch let error as LogError where error.mayPass && ContinuousClock.now < end {
                try await Task.sleep(for: .milliseconds(200))
            }
        }
    }
}
