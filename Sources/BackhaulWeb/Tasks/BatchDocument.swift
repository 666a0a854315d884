internal import BackhaulDomain
internal import BackhaulView

/// The progress of a batch.
struct BatchDocument: Encodable, Sendable {
    var tenant: ByteText
    var batch: ByteText
    var counts: StatusCounts
    var bytes: Int64
    var bytesSucceeded: Int64
    /// Whether every task of the batch has a result.
    var ended: Bool
}
