package import BackhaulUnits

/// How tasks stand: of a batch, of a tenant or of all.
package struct Overview: Hashable, Sendable {
    package var counts: StatusCounts
    /// Of the files that are stored.
    package var storedSize: ByteCount
    /// The largest group first.
    package var reasons: [WaitReason]
    /// The oldest uploads that their workers have marked as in flight.
    package var uploads: [TaskStatus]
    /// Records of the log that the view has not read.
    package var lag: Int64
    /// The known batch whose name is nearest to the one that was asked for, where that has no task; nil for none.
    package var nearestBatch: String?

    /// A view that follows the log is a few records behind.
    package static let notableLag: Int64 = 10_000

    package var isNotablyBehind: Bool { lag > Self.notableLag }

    package init(
        counts: StatusCounts, storedSize: ByteCount, reasons: [WaitReason], uploads: [TaskStatus], lag: Int64,
        nearestBatch: String? = nil
    ) {
        self.counts = counts
        self.storedSize = storedSize
        self.reasons = reasons
        self.uploads = uploads
        self.lag = lag
        self.nearestBatch = nearestBatch
    }
}
