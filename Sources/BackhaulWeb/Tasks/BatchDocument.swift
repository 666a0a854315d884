internal import BackhaulDomain
internal import BackhaulView

/// The progress of a batch.
struct BatchDocument: Encodable, Sendable {
    var tenant: ByteText
    var batch: ByteText
    var counts: StatusCounts
    var bytes: UInt64
    var bytesSucceeded: UInt64
    /// Whether every task of the batch has a result.
    var ended: Bool
}
