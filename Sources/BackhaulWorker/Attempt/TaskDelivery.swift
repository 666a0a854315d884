package import BackhaulDomain
package import BackhaulLog
package import BackhaulRecords

/// A delivery as a worker understands it: the task, and how far it has come.
package struct TaskDelivery: Hashable, Sendable {
    package var delivery: Delivery
    package var task: UploadTask
    package var progress: TaskProgress
    /// Whether a checkpoint stands for this position, which has to be forgotten once the delivery is finished.
    package var hasCheckpoint: Bool
    /// Whether this worker has marked it as in flight.
    package var isMarked = false
    /// The span of the upload under way, in the trace of the task's record; nil without one.
    package var trace: String?

    package init(delivery: Delivery, task: UploadTask, progress: TaskProgress, hasCheckpoint: Bool = false) {
        self.delivery = delivery
        self.task = task
        self.progress = progress
        self.hasCheckpoint = hasCheckpoint
    }

    package var generation: TaskGeneration {
        TaskGeneration(identity: task.identity, generation: progress.generation)
    }

    /// Reads a record and what an earlier owner left about it.
    /// - Throws: `RecordError` when the record is not a task.
    package static func read(_ delivery: Delivery, checkpoint: Checkpoint?) throws(RecordError) -> TaskDelivery {
        let read = try TaskRecord.read(delivery.record)
        var result = TaskDelivery(delivery: delivery, task: read.task, progress: read.progress)
        result.progress.due = result.progress.due.map { $0 - delivery.skew }
        guard let checkpoint, checkpoint.task == result.generation else { return result }
        result.progress = checkpoint.progress
        result.progress.due = result.progress.due.map { $0 - delivery.skew }
        // The owner that wrote the mark never took it back: it died while the upload was under way.
        if checkpoint.isInFlight { result.progress.crashes = Domain.counting(result.progress.crashes) }
        result.hasCheckpoint = true
        return result
    }
}
