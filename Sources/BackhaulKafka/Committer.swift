internal import BackhaulLog

/// Writes what a settlement decided.
protocol Committer: Sendable {
    /// Makes sure that it can.
    func prepare() async throws
    /// - Throws: `SettleFailure`; `LogError`: then nothing was written.
    func commit(_ batch: SettleBatch) async throws
    func close() async
}
