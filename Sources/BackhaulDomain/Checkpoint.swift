/// What a worker leaves for the next owner of a delivery that is not finished.
package struct Checkpoint: Hashable, Sendable {
    package var task: TaskGeneration
    /// Whether an upload was under way when it was written: whoever finds it so knows that the worker died.
    package var isInFlight: Bool
    /// Attempts, crashes, history and due time as they stand, ahead of what the record's headers say.
    package var progress: TaskProgress

    package init(task: TaskGeneration, isInFlight: Bool, progress: TaskProgress) {
        self.task = task
        self.isInFlight = isInFlight
        self.progress = progress
    }
}
