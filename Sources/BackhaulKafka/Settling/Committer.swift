internal import BackhaulLog

/// Writes settlements.
protocol Committer: Sendable {
    /// The transactional id of its producer; nil without transactions.
    var writer: String? { get }
    /// Opens the producer if it is not open yet.
    /// - Throws: `LogError`.
    func prepare() async throws
    /// Writes a batch, durably when the call returns.
    /// - Throws: `SettleError`; `LogError`: no position was moved, and with transactions nothing was written.
    func commit(_ batch: SettleBatch) async throws
    func close() async
}
