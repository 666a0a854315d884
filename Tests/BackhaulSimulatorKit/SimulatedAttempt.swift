import BackhaulUnits
import BackhaulWorker

/// An attempt that runs in the simulation.
struct SimulatedAttempt {
    var attempt: Attempt
    var isInterrupted = false
    /// What it saves, until that is in the log.
    var saving: UInt64?
}
