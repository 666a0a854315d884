package import BackhaulTransfer
package import BackhaulUnits

/// Reads an object and hashes it.
package struct S3ReadBack: Dialect {
    private let destination: S3Destination
    private let key: String

    package init(destination: S3Destination, key: String) {
        self.destination = destination
        self.key = key
    }

    package mutating func begin(_ start: DialectStart) -> Step {
        .request(destination.request("GET", key, sink: .hash, at: start.now))
    }

    package mutating func next(_ report: TransferReport, now: Timestamp) -> Step {
        if report.answered == 404 { return .absent }
        if let failure = S3Answer.failure(report, doing: "reading") { return .failed(failure) }
        return .stored(
            StoredObject(size: report.bytesReceived, sha256: report.receivedSHA256 ?? "", verification: .readBack))
    }
}
