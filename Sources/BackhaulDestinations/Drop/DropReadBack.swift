internal import BackhaulDomain
package import BackhaulTransfer
package import BackhaulUnits

/// Fails: there is nothing to read back.
package struct DropReadBack: Dialect {
    package init() {}

    package mutating func begin(_ start: DialectStart) -> Step {
        .failed(Failure(.permanent, "a destination of type drop keeps nothing"))
    }

    package mutating func next(_ report: TransferReport, now: Timestamp) -> Step { begin(DialectStart(now: now)) }
}
