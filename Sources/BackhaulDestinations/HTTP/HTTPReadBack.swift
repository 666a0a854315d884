internal import BackhaulDomain
package import BackhaulTransfer
package import BackhaulUnits

/// Reads an object and hashes it.
package struct HTTPReadBack: Dialect {
    private let destination: HTTPDestination
    private let url: String
    private let login: TransferLogin?

    package init(destination: HTTPDestination, key: String, login: TransferLogin? = nil) {
        self.destination = destination
        self.login = login
        url = destination.url(of: key)
    }

    package mutating func begin(_ start: DialectStart) -> Step {
        var request = destination.request("GET", url, sink: .hash)
        request.login = login
        return .request(request)
    }

    package mutating func next(_ report: TransferReport, now: Timestamp) -> Step {
        if report.answered == 404 || report.answered == 410 { return .absent }
        if let failure = HTTPAnswer.failure(report, doing: "reading") { return .failed(failure) }
        return .stored(
            StoredObject(size: report.bytesReceived, sha256: report.receivedSHA256 ?? "", verification: .readBack))
    }
}
