import BackhaulUnits
import BackhaulWorker

/// An attempt that runs in the simulation.
struct SimulatedAttempt {
    var attempt: Attempt
    var isInterrupted = false
}
