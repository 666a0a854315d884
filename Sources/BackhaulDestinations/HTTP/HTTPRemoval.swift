internal import BackhaulDomain
package import BackhaulTransfer
package import BackhaulUnits

/// Removes an object by DELETE.
package struct HTTPRemoval: Dialect {
    private let destination: HTTPDestination
    private let url: String

    package init(destination: HTTPDestination, key: String) {
        self.destination = destination
        url = destination.url(of: key)
    }

    package mutating func begin(_ start: DialectStart) -> Step { .request(destination.request("DELETE", url)) }

    package mutating func next(_ report: TransferReport, now: Timestamp) -> Step {
        if report.failure == nil, report.status == 404 || report.status == 410 { return .absent }
        if let failure = HTTPAnswer.failure(report, doing: "removing") { return .failed(failure) }
        return .absent
    }
}
