package import BackhaulTransfer
package import BackhaulUnits

/// Finds nothing: nothing is kept.
package struct DropLook: Dialect {
    package init() {}

    package mutating func begin(_ start: DialectStart) -> Step { .absent }

    package mutating func next(_ report: TransferReport, now: Timestamp) -> Step { .absent }
}
