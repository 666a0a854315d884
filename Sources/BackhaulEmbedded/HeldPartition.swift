internal import BackhaulLog

/// What a member knows of a partition that it holds.
struct HeldPartition: Sendable {
    let epoch: Int
    /// Milliseconds from append to delivery.
    let delay: Int64
    var ledger: OffsetLedger
    /// Read and not delivered yet.
    var buffer: ArraySlice<StoredRecord> = []
    /// When the buffer was read, in milliseconds since 1970.
    var fetchedAt: Int64 = 0
    /// Where to read on.
    var cursor: Int64
    var isRevoking = false
    /// The head that was last reported as holding the intake back: each is reported once.
    var reportedHead: Int64?

    init(epoch: Int, delay: Int64, ledger: OffsetLedger) {
        self.epoch = epoch
        self.delay = delay
        self.ledger = ledger
        cursor = ledger.frontier
    }
}
