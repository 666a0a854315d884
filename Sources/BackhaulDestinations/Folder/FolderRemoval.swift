package import BackhaulTransfer
package import BackhaulUnits

/// Removes an object of a local folder.
package struct FolderRemoval: Dialect {
    private let destination: FolderDestination
    private let key: String

    package init(destination: FolderDestination, key: String) {
        self.destination = destination
        self.key = key
    }

    package mutating func begin(_ start: DialectStart) -> Step {
        .place(LocalPlacement(folder: destination.path, key: key, body: .none, readsBack: false, action: .remove))
    }

    package mutating func next(_ report: TransferReport, now: Timestamp) -> Step {
        if case .objectMissing = report.failure { return .absent }
        if let failure = report.failure { return .failed(failure.classified) }
        return .absent
    }
}
