/// Which topic a fresh task goes to, submitted or replayed: large files have a lane of their own, but the tasks of an
/// ordered destination must not part over two lanes.
package struct TaskRouting: Sendable {
    private let layout: TopicLayout
    private let largeThreshold: UInt64
    private let isOrdered: @Sendable (DestinationReference.Target) -> Bool

    /// - Parameters:
    ///   - largeThreshold: the size in bytes from which on a file is large.
    ///   - isOrdered: whether a destination takes the uploads of a key in order.
    package init(
        layout: TopicLayout, largeThreshold: UInt64,
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
