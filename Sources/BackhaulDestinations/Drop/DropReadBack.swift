internal import BackhaulDomain
package import BackhaulTransfer

/// Fails: there is nothing to read back.
package struct DropReadBack: Dialect {
    package init() {}

    package mutating func begin() -> Step {
        .failed(Failure(.permanent, "a destination of type drop keeps nothing"))
    }

    package mutating func next(_ report: TransferReport) -> Step { begin() }
}
