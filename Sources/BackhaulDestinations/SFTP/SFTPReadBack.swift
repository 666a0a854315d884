package import BackhaulTransfer
package import BackhaulUnits

/// Reads a file and hashes it.
package struct SFTPReadBack: Dialect {
    private let destination: SFTPDestination
    private let key: String

    package init(destination: SFTPDestination, key: String) {
        self.destination = destination
        self.key = key
    }

    package mutating func begin(_ start: DialectStart) -> Step {
        .request(destination.request(.read, key, sink: .hash))
    }

    package mutating func next(_ report: TransferReport, now: Timestamp) -> Step {
        if SFTPAnswer.isMissing(report) { return .absent }
        if let failure = SFTPAnswer.failure(report, doing: "reading") { return .failed(failure) }
        return .stored(
            StoredObject(size: report.bytesReceived, sha256: report.receivedSHA256 ?? "", verification: .readBack))
    }
}
