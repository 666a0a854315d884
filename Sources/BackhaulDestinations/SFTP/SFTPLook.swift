package import BackhaulTransfer
package import BackhaulUnits

/// Finds out the size of a file. libcurl names none of an empty file, and none of a folder.
package struct SFTPLook: Dialect {
    private let destination: SFTPDestination
    private let key: String

    package init(destination: SFTPDestination, key: String) {
        self.destination = destination
        self.key = key
    }

    package mutating func begin(_ start: DialectStart) -> Step { .request(destination.request(.look, key)) }

    package mutating func next(_ report: TransferReport, now: Timestamp) -> Step {
        if SFTPAnswer.isMissing(report) { return .absent }
        if let failure = SFTPAnswer.failure(report, doing: "looking for an object at the key") {
            return .failed(failure)
        }
        return .stored(StoredObject(size: report.remoteSize ?? .zero, sha256: "", verification: .size))
    }
}
