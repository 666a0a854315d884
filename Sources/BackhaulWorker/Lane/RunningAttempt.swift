internal import BackhaulTransfer

/// The handles of an attempt that runs.
struct RunningAttempt: Sendable {
    let attempt: Attempt
    /// Ends the wait or transfer that the attempt is in.
    let interruption = Interruption()
    let progress = TransferProgress()
    let saves = PendingSaves()
}
