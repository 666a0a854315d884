internal import BackhaulDomain

/// A failure, as sent to callers.
struct FailureDocument: Encodable, Sendable {
    var kind: String
    var message: String
    var httpStatus: Int?

    init(_ failure: Failure) {
        kind = failure.kind.rawValue
        message = failure.message
        httpStatus = failure.httpStatus
    }
}
