package import BackhaulTransfer
internal import BackhaulUnits

/// Succeeds at once.
package struct DropUpload: Dialect {
    package init() {}

    package mutating func begin() -> Step { .stored(StoredObject(size: .zero, sha256: "", verification: .none)) }

    package mutating func next(_ report: TransferReport) -> Step { begin() }
}
