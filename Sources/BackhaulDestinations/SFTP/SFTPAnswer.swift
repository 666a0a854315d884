internal import BackhaulDomain
internal import BackhaulTransfer

/// Interprets the reports of requests to SFTP servers.
enum SFTPAnswer {
    static func isMissing(_ report: TransferReport) -> Bool {
        if case .objectMissing = report.failure { true } else { false }
    }

    /// Whether the server was there and did not take the request.
    static func isRefusal(_ report: TransferReport) -> Bool {
        switch report.failure {
        case .broken, .storeRefused, .storeFailed, .commandFailed: true
        default: false
        }
    }

    /// - Returns: nil for a request that did what it was to do.
    static func failure(_ report: TransferReport, doing what: String) -> Failure? {
        guard let failure = report.failure else { return nil }
        var found = failure.classified
        // A name that is missing where it must be there: another client has taken it away.
        if isMissing(report) { found.kind = .transient }
        return Failure(found.kind, "\(what): \(found.message)", isOfSource: found.isOfSource)
    }
}
