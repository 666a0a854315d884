package import BackhaulDomain
package import BackhaulTransfer

/// Interprets the answers of stores. Codes as botocore's retry tables and S3's list of errors have them.
package enum S3Answer {
    private static let throttling: Set<String> = [
        "SlowDown", "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled",
        "RequestThrottledException", "RequestLimitExceeded", "BandwidthLimitExceeded", "TooManyRequestsException",
        "TooManyRequests", "EC2ThrottledException", "ReduceUploadSpeed",
    ]
    private static let passing: Set<String> = [
        "InternalError", "ServiceUnavailable", "RequestTimeout", "RequestTimeoutException", "RequestTimeTooSkewed",
        "PriorRequestNotComplete", "OperationAborted", "ConditionalRequestConflict", "BadDigest", "IncompleteBody",
        "XAmzContentSHA256Mismatch", "NoSuchUpload", "PreconditionFailed",
    ]
    private static let refusing: Set<String> = [
        "AccessDenied", "AccountProblem", "AllAccessDisabled", "ExpiredToken", "ExpiredTokenException",
        "InvalidAccessKeyId", "InvalidSecurity", "InvalidToken", "NotSignedUp", "RequestExpired",
        "SignatureDoesNotMatch", "TokenRefreshRequired", "UnauthorizedAccess",
    ]
    private static let moved: Set<String> = ["PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed"]

    /// The failure that a report means, nil for a 2xx without an error in it.
    /// - Parameter isConditional: whether the request was not to replace an object.
    package static func failure(
        _ report: TransferReport, isConditional: Bool = false, doing what: String
    ) -> Failure? {
        let error = error(in: report)
        if isConditional, report.status == 412 || error?["Code"] == "PreconditionFailed" {
            return Failure(.keyTaken, "the store has an object at the key already", httpStatus: 412)
        }
        // So Amazon answers a HEAD whose token has ended: an answer without a body has no code.
        if report.failure == nil, report.status == 400, report.body.isEmpty {
            return Failure(
                .refused,
                "\(what): the store answered 400 without a reason, as to credentials that have ended; check them",
                httpStatus: 400)
        }
        guard error != nil || report.failure != nil || !(200..<300).contains(report.status ?? 0) else { return nil }
        guard let error, let code = error["Code"], report.answered != nil else {
            return HTTPAnswer.failure(report, doing: what)
                ?? Failure(.transient, "\(what): the store answered \(report.status ?? 0) with an error and no code")
        }
        let status = report.status ?? 0
        let message = error["Message"].map { ": \($0)" } ?? ""
        let text = printable("\(what): the store answered \(status) \(code)\(message)")
        if throttling.contains(code) {
            guard let wait = report.retryAfter else { return Failure(.transient, text, httpStatus: status) }
            return Failure(.throttled, text, httpStatus: status, retryAfter: wait)
        }
        if moved.contains(code) {
            let region = (error["Region"] ?? report.header("x-amz-bucket-region")).map { " (region: \($0))" } ?? ""
            let endpoint = error["Endpoint"].map { " (endpoint: \($0))" } ?? ""
            return Failure(
                .permanent, printable("\(text); set the destination's region or endpoint\(region)\(endpoint)"),
                httpStatus: status)
        }
        if code == "RequestTimeTooSkewed" {
            return Failure(.transient, "\(text); set this machine's clock", httpStatus: status)
        }
        if passing.contains(code) { return Failure(.transient, text, httpStatus: status) }
        if refusing.contains(code) {
            return Failure(.refused, "\(text); check the destination's credentials and rights", httpStatus: status)
        }
        if code == "QuotaExceeded" || code == "InsufficientCapacity" || code == "XMinioStorageFull" {
            return Failure(.transient, "\(text); the store is full", httpStatus: status)
        }
        // A status says less than a code that is not known.
        let known = HTTPAnswer.failure(report, doing: what)
        return Failure(
            known?.kind ?? .transient, text, httpStatus: status, retryAfter: known?.retryAfter)
    }

    /// The code of an error; nil without one.
    static func code(_ report: TransferReport) -> String? { error(in: report)?["Code"] }

    /// The error in an answer. A store may have sent its status before it knew.
    private static func error(in report: TransferReport) -> XMLTree? {
        guard let tree = XMLTree(report.body) else { return nil }
        return tree.name == "Error" ? tree : nil
    }

    /// A server's text may have any character.
    private static func printable(_ text: String) -> String {
        String(text.unicodeScalars.map { $0.properties.generalCategory == .control ? " " : Character($0) }.prefix(600))
    }
}
