internal import BackhaulDomain
package import BackhaulTransfer

/// The destination that keeps nothing and reads nothing: every task succeeds at once, verified by nothing. For trying out
/// and measuring the pipe; the name is Redpanda Connect's (output `drop`).
package struct Drop: Dialect {
    /// What every task comes to.
    package static let object = StoredObject(bytes: 0, sha256: "", verification: .none)

    package init() {}

    package mutating func begin() -> Step { .stored(Self.object) }

    package mutating func next(_ report: TransferReport) -> Step { begin() }
}

/// There is nothing to read back.
package struct DropReadBack: Dialect {
    package init() {}

    package mutating func begin() -> Step {
        .failed(Failure(.permanent, "a destination of type drop keeps nothing"))
    }

    package mutating func next(_ report: TransferReport) -> Step { begin() }
}
