internal import BackhaulDomain

/// A failure, as sent to callers.
struct FailureDocument: Codable, Sendable {
    var kind: String
    var message: String
    var httpStatus: Int?

    init(_ failure: Failure) {
        kind = failure.kind.rawValue
        message = failure.message
        httpStatus = failure.httpStatus
    }

    /// A class that this program does not know counts as permanent.
    var failure: Failure {
        Failure(FailureClass(rawValue: kind) ?? .permanent, message, httpStatus: httpStatus)
    }
}
