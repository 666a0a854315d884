package import BackhaulDomain
package import BackhaulLog
package import BackhaulRecords
internal import BackhaulUnits

/// A delivery with the task decoded from it and the progress of that task.
package struct TaskDelivery: Hashable, Sendable {
    package var delivery: Delivery
    package var task: UploadTask
    package var progress: TaskProgress
    /// Whether the log has a checkpoint for this position, which needs a tombstone when the delivery is finished.
    package var hasCheckpoint: Bool
    /// Whether this worker has written an in-flight mark for it.
    package var isMarked = false
    /// The trace context of the upload's span; nil when the task's record has none.
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

    /// Decodes a record and merges the checkpoint that an earlier owner wrote for it.
    /// - Throws: `RecordError` when the record is not a task.
    package static func read(_ delivery: Delivery, checkpoint: Checkpoint?) throws(RecordError) -> TaskDelivery {
        let read = try TaskRecord.read(delivery.record)
        var result = TaskDelivery(delivery: delivery, task: read.task, progress: read.progress)
        result.boundDue()
        guard let checkpoint, checkpoint.task == result.generation else { return result }
        result.progress = checkpoint.inherited
        result.boundDue()
        result.hasCheckpoint = true
        return result
    }

    /// No worker lets a task wait longer than `Domain.longestWait`. One that is due in the year 9999 would go from tier
    /// to tier until then.
    private mutating func boundDue() {
        let latest = delivery.stored.appendedAt + Domain.longestWait
        progress.due = progress.due.map { min($0, latest) - delivery.skew }
    }
}
