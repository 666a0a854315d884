internal import BackhaulDomain
internal import BackhaulView

/// How far a batch has come.
struct BatchDocument: Encodable, Sendable {
    var tenant: ByteText
    var batch: ByteText
    var counts: StatusCounts
    var bytes: Int64
    var bytesSucceeded: Int64
    /// Whether every task has its result.
    var ended: Bool
}
