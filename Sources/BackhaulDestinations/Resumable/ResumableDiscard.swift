internal import BackhaulDomain
package import BackhaulTransfer
package import BackhaulUnits

/// Cancels an upload that will not be resumed.
package struct ResumableDiscard: Dialect {
    private let destination: ResumableDestination
    private let url: String

    package init(destination: ResumableDestination, url: String) {
        self.destination = destination
        self.url = url
    }

    package mutating func begin(_ start: DialectStart) -> Step { .request(destination.request("DELETE", url)) }

    package mutating func next(_ report: TransferReport, now: Timestamp) -> Step {
        if ResumableWire.isMissing(report) { return .absent }
        return HTTPAnswer.failure(report, doing: "cancelling the upload").map { .failed($0) } ?? .absent
    }
}
