package import BackhaulUnits

/// Selects the topic of a new task, submitted or replayed. Large files have their own lane, but the tasks of an
/// ordered destination must stay in one lane.
package struct TaskRouting: Sendable {
    private let layout: TopicLayout
    private let largeThreshold: ByteCount
    private let isOrdered: @Sendable (DestinationReference.Target) -> Bool

    /// - Parameters:
    ///   - largeThreshold: the size from which a file is large.
    ///   - isOrdered: whether a destination requires the uploads of a key in order.
    package init(
        layout: TopicLayout, largeThreshold: ByteCount,
        isOrdered: @escaping @Sendable (DestinationReference.Target) -> Bool
    ) {
        self.layout = layout
        self.largeThreshold = largeThreshold
        self.isOrdered = isOrdered
    }

    package func topic(of task: UploadTask) -> String {
        task.size >= largeThreshold && !isOrdered(task.destination.target) ? layout.largeTasks : layout.tasks
    }
}
