internal import BackhaulUnits
internal import BackhaulView

/// How tasks stand, as sent to callers.
struct OverviewDocument: Codable, Sendable {
    var counts: StatusCounts
    var storedBytes: ByteCount
    var reasons: [ReasonDocument]
    /// The oldest uploads that are marked as in flight.
    var uploads: [StatusDocument]
    /// Records of the log that the view has not read.
    var viewLag: Int64
    /// A batch that is most like the one that was asked for, where that has no task.
    var nearestBatch: String?

    init(_ overview: Overview) {
        counts = overview.counts
        storedBytes = overview.storedSize
        reasons = overview.reasons.map(ReasonDocument.init)
        uploads = overview.uploads.map { StatusDocument($0) }
        viewLag = overview.lag
        nearestBatch = overview.nearestBatch
    }

    var overview: Overview {
        Overview(
            counts: counts, storedSize: storedBytes, reasons: reasons.map(\.waitReason),
            uploads: uploads.map(\.taskStatus), lag: viewLag, nearestBatch: nearestBatch)
    }
}
