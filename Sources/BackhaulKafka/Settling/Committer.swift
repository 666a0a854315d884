internal import BackhaulLog

/// Writes what a settlement decided.
protocol Committer: Sendable {
    /// The transactional id under which it writes; nil without transactions.
    var writer: String? { get }
    /// Makes sure that it can.
    func prepare() async throws
    /// - Throws: `SettleFailure`; `LogError`: then nothing was written.
    func commit(_ batch: SettleBatch) async throws
    func close() async
}
