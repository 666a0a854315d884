package import BackhaulTransfer

/// Finds out the size of an object of a local folder.
package struct FolderLook: Dialect {
    private let destination: FolderDestination
    private let key: String

    package init(destination: FolderDestination, key: String) {
        self.destination = destination
        self.key = key
    }

    package mutating func begin() -> Step {
        .place(LocalPlacement(folder: destination.path, key: key, body: .none, readsBack: false, action: .look))
    }

    package mutating func next(_ report: TransferReport) -> Step {
        if case .objectMissing = report.failure { return .absent }
        if let failure = report.failure { return .failed(failure.classified) }
        return .stored(StoredObject(size: report.bytesReceived, sha256: "", verification: .length))
    }
}
