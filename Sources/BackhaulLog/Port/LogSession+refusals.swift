extension LogSession {
    /// Settles units of which the log may refuse some permanently: a record that is too large, or that a policy
    /// forbids. Halving finds such a unit, and a substitute is settled for it; the others are settled unchanged. So
    /// no record can block its partition.
    ///
    /// - Parameters:
    ///   - settle: settles some of the units, and retries temporary errors.
    ///   - substitute: the substitute for a refused unit, at its first and its second refusal; nil throws the
    ///     error.
    /// - Returns: one outcome for each unit, in order.
    package func settleEach(
        _ units: [SettleUnit], isolation: isolated (any Actor)? = #isolation,
        settle: ([SettleUnit]) async throws -> [SettleOutcome],
        substitute: (SettleUnit, LogError, _ refusals: Int) throws -> SettleUnit?
    ) async throws -> [SettleOutcome] {
        do {
            return try await settle(units)
        } catch let error as LogError where error.concernsRecords {
            guard let unit = units.first else { throw error }
            guard units.count == 1 else {
                var outcomes: [SettleOutcome] = []
                for part in [units.prefix(units.count / 2), units.suffix(units.count - units.count / 2)] {
                    outcomes += try await settleEach(Array(part), settle: settle, substitute: substitute)
                }
                return outcomes
            }
            return try await settleRefused(unit, error, settle: settle, substitute: substitute)
        }
    }

    private func settleRefused(
        _ unit: SettleUnit, _ first: LogError, isolation: isolated (any Actor)? = #isolation,
        settle: ([SettleUnit]) async throws -> [SettleOutcome],
        substitute: (SettleUnit, LogError, _ refusals: Int) throws -> SettleUnit?
    ) async throws -> [SettleOutcome] {
        var error = first
        for refusals in 1...2 {
            guard let other = try substitute(unit, error, refusals) else { throw error }
            do {
                return try await settle([other])
            } catch let next as LogError where next.concernsRecords {
                error = next
            }
        }
        throw error
    }
}
