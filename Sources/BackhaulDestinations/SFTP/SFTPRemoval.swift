package import BackhaulTransfer
package import BackhaulUnits

/// Removes a file.
package struct SFTPRemoval: Dialect {
    private let destination: SFTPDestination
    private let key: String
    private var isLooking = true

    package init(destination: SFTPDestination, key: String) {
        self.destination = destination
        self.key = key
    }

    package mutating func begin(_ start: DialectStart) -> Step { .request(destination.request(.look, key)) }

    package mutating func next(_ report: TransferReport, now: Timestamp) -> Step {
        if SFTPAnswer.isMissing(report) { return .absent }
        if let failure = SFTPAnswer.failure(report, doing: "removing") { return .failed(failure) }
        guard isLooking else { return .absent }
        isLooking = false
        return .request(destination.request([destination.remove(key)]))
    }
}
