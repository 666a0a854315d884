package import BackhaulTransfer
package import BackhaulUnits

/// Removes an object, or in a bucket with versions hides it.
package struct S3Removal: Dialect {
    private let destination: S3Destination
    private let key: String

    package init(destination: S3Destination, key: String) {
        self.destination = destination
        self.key = key
    }

    package mutating func begin(_ start: DialectStart) -> Step {
        .request(destination.request("DELETE", key, at: start.now))
    }

    package mutating func next(_ report: TransferReport, now: Timestamp) -> Step {
        if report.answered == 404 { return .absent }
        if let failure = S3Answer.failure(report, doing: "removing") { return .failed(failure) }
        return .absent
    }
}
