package import BackhaulTransfer
package import BackhaulUnits

/// Reads a file and hashes it. An empty one is not read: some servers end the connection then.
package struct SFTPReadBack: Dialect {
    private let destination: SFTPDestination
    private let key: String
    private var isReading = false

    package init(destination: SFTPDestination, key: String) {
        self.destination = destination
        self.key = key
    }

    package mutating func begin(_ start: DialectStart) -> Step { .request(destination.request(.look, key)) }

    package mutating func next(_ report: TransferReport, now: Timestamp) -> Step {
        if SFTPAnswer.isMissing(report) { return .absent }
        if let failure = SFTPAnswer.failure(report, doing: "reading") { return .failed(failure) }
        guard isReading else {
            guard report.remoteSize != nil else {
                return .stored(
                    StoredObject(size: .zero, sha256: PartDigest.sha256(of: []), verification: .readBack))
            }
            isReading = true
            return .request(destination.request(.read, key, sink: .hash))
        }
        return .stored(
            StoredObject(size: report.bytesReceived, sha256: report.receivedSHA256 ?? "", verification: .readBack))
    }
}
