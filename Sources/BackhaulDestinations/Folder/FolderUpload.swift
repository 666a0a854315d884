internal import BackhaulDomain
package import BackhaulTransfer
package import BackhaulUnits

/// Puts a file into a local folder: one placement, which is atomic.
package struct FolderUpload: Dialect {
    private let destination: FolderDestination
    private let key: String
    private let body: TransferBody
    private let onlyIfAbsent: Bool

    package init(destination: FolderDestination, key: String, body: TransferBody, onlyIfAbsent: Bool = false) {
        self.onlyIfAbsent = onlyIfAbsent
        self.destination = destination
        self.key = key
        self.body = body
    }

    package mutating func begin(_ start: DialectStart) -> Step {
        .place(
            LocalPlacement(
                folder: destination.path, key: key, body: body, readsBack: destination.readsBack,
                action: onlyIfAbsent ? .storeIfAbsent : .store))
    }

    package mutating func next(_ report: TransferReport, now: Timestamp) -> Step {
        if let failure = report.failure { return .failed(failure.classified) }
        guard let sha256 = report.sha256 else {
            return .failed(Failure(.transient, "the copy ended without a checksum"))
        }
        if destination.readsBack, report.receivedSHA256 != sha256 {
            return .failed(Failure(.integrity, "read back from the folder, the object differs from what was written"))
        }
        return .stored(
            StoredObject(
                size: body.size, sha256: sha256, verification: destination.readsBack ? .readBack : .durable))
    }
}
