internal import BackhaulDomain
package import BackhaulTransfer
package import BackhaulUnits

/// Removes an object by DELETE.
package struct HTTPRemoval: Dialect {
    private let destination: HTTPDestination
    private let url: String
    private let login: TransferLogin?

    package init(destination: HTTPDestination, key: String, login: TransferLogin? = nil) {
        self.destination = destination
        self.login = login
        url = destination.url(of: key)
    }

    package mutating func begin(_ start: DialectStart) -> Step {
        var request = destination.request("DELETE", url)
        request.login = login
        return .request(request)
    }

    package mutating func next(_ report: TransferReport, now: Timestamp) -> Step {
        if report.answered == 404 || report.answered == 410 { return .absent }
        if let failure = HTTPAnswer.failure(report, doing: "removing") { return .failed(failure) }
        return .absent
    }
}
