package import BackhaulLog

extension LogSession {
    /// Settles as every stage does: what passes is waited out, for two minutes. A group that rebalances on a busy machine
    /// takes its time, and says so.
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
