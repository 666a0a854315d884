internal import BackhaulDomain
package import BackhaulTransfer
package import BackhaulUnits

/// Reads an object and hashes it.
package struct HTTPReadBack: Dialect {
    private let destination: HTTPDestination
    private let url: String

    package init(destination: HTTPDestination, key: String) {
        self.destination = destination
        url = destination.url(of: key)
    }

    package mutating func begin(_ start: DialectStart) -> Step {
        .request(destination.request("GET", url, sink: .hash))
    }

    package mutating func next(_ report: TransferReport, now: Timestamp) -> Step {
        if report.failure == nil, report.status == 404 || report.status == 410 { return .absent }
        if let failure = HTTPAnswer.failure(report, doing: "reading") { return .failed(failure) }
        return .stored(
            StoredObject(size: report.bytesReceived, sha256: report.receivedSHA256 ?? "", verification: .readBack))
    }
}
