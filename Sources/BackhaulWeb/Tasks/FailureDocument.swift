internal import BackhaulDomain

/// Why something failed, as callers read it.
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
