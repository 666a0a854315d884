internal import BackhaulDomain
package import BackhaulTransfer
package import BackhaulUnits

/// Ends an upload, complete or not (extension `termination`).
package struct TusRemoval: Dialect {
    private let destination: TusDestination
    private let url: String

    package init(destination: TusDestination, url: String) {
        self.destination = destination
        self.url = url
    }

    package mutating func begin(_ start: DialectStart) -> Step { .request(destination.request("DELETE", url)) }

    package mutating func next(_ report: TransferReport, now: Timestamp) -> Step {
        if TusWire.isMissing(report) { return .absent }
        return TusAnswer.failure(report, doing: "removing the upload").map { .failed($0) } ?? .absent
    }
}
