package import BackhaulTransfer

/// Finds nothing: nothing is kept.
package struct DropLook: Dialect {
    package init() {}

    package mutating func begin() -> Step { .absent }

    package mutating func next(_ report: TransferReport) -> Step { .absent }
}
