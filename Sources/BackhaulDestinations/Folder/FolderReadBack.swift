package import BackhaulTransfer
package import BackhaulUnits

/// Reads an object of a local folder, or only its size.
package struct FolderReadBack: Dialect {
    private let destination: FolderDestination
    private let key: String
    private let looksOnly: Bool

    package init(destination: FolderDestination, key: String, looksOnly: Bool = false) {
        self.destination = destination
        self.key = key
        self.looksOnly = looksOnly
    }

    package mutating func begin(_ start: DialectStart) -> Step {
        .place(
            LocalPlacement(
                folder: destination.path, key: key, body: .none, readsBack: !looksOnly,
                action: looksOnly ? .look : .read))
    }

    package mutating func next(_ report: TransferReport, now: Timestamp) -> Step {
        if case .objectMissing = report.failure { return .absent }
        if let failure = report.failure { return .failed(failure.classified) }
        return .stored(
            StoredObject(size: report.bytesReceived, sha256: report.receivedSHA256 ?? "", verification: .readBack))
    }
}
