/// State that a worker stores for the next owner of an unfinished delivery.
package struct Checkpoint: Hashable, Sendable {
    package var task: TaskGeneration
    /// Whether an upload was running when the checkpoint was written. True tells the next owner that the worker
    /// died.
    package var isInFlight: Bool
    /// Attempts, crashes, history and due time; newer than those in the record's headers.
    package var progress: TaskProgress

    package init(task: TaskGeneration, isInFlight: Bool, progress: TaskProgress) {
        self.task = task
        self.isInFlight = isInFlight
        self.progress = progress
    }

    /// The progress for the record's next owner. The owner that wrote an in-flight mark did not remove it, so it died
    /// during the upload.
    package var inherited: TaskProgress {
        var progress = progress
        if isInFlight { progress.crashes = Domain.counting(progress.crashes) }
        return progress
    }
}
