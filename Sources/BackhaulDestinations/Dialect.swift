package import BackhaulTransfer

/// One way to put an object somewhere, sans-I/O: given the report of the last step, it names the next one. The worker,
/// the engine and the log know dialects by their steps alone.
package protocol Dialect: Sendable {
    /// The first step.
    mutating func begin() -> Step
    /// The step after `report`.
    mutating func next(_ report: TransferReport) -> Step
}
