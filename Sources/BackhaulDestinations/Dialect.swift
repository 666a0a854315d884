package import BackhaulTransfer
package import BackhaulUnits

/// One way to put an object somewhere, sans-I/O: given the report of the last step, it names the next one. The worker,
/// the engine and the log know dialects by their steps alone.
package protocol Dialect: Sendable {
    /// The first step.
    mutating func begin(_ start: DialectStart) -> Step
    /// The step after `report`. Of steps that run together, each report has the tag of its step.
    /// - Parameter now: by the wall clock.
    mutating func next(_ report: TransferReport, now: Timestamp) -> Step
}
