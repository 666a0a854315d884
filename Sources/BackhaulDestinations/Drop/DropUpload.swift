package import BackhaulTransfer
package import BackhaulUnits

/// Succeeds at once.
package struct DropUpload: Dialect {
    package init() {}

    package mutating func begin(_ start: DialectStart) -> Step {
        .stored(StoredObject(size: .zero, sha256: "", verification: .none))
    }

    package mutating func next(_ report: TransferReport, now: Timestamp) -> Step { begin(DialectStart(now: now)) }
}
