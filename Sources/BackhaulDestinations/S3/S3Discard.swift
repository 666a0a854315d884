package import BackhaulTransfer
package import BackhaulUnits

/// Ends an upload in parts that will not be completed, so that its parts cost nothing.
package struct S3Discard: Dialect {
    private let destination: S3Destination
    private let state: S3UploadState

    package init(destination: S3Destination, state: S3UploadState) {
        self.destination = destination
        self.state = state
    }

    package mutating func begin(_ start: DialectStart) -> Step {
        // The destination has been configured otherwise since, and its credentials may not be for the other place.
        guard state.place == destination.place, state.key.utf8.starts(with: destination.prefix.utf8) else {
            return .absent
        }
        return .request(
            destination.request("DELETE", state.key, query: [("uploadId", state.upload)], at: start.now))
    }

    package mutating func next(_ report: TransferReport, now: Timestamp) -> Step {
        if report.answered == 404 { return .absent }
        if let failure = S3Answer.failure(report, doing: "ending the upload") { return .failed(failure) }
        return .absent
    }
}
