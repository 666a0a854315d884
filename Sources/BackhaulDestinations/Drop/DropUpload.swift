package import BackhaulTransfer

/// Succeeds at once.
package struct DropUpload: Dialect {
    package init() {}

    package mutating func begin() -> Step { .stored(StoredObject(bytes: 0, sha256: "", verification: .none)) }

    package mutating func next(_ report: TransferReport) -> Step { begin() }
}
