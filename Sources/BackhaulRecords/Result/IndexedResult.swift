package import BackhaulDomain

/// What an index of results has of a record of the results topic.
package struct IndexedResult: Hashable, Sendable {
    /// The generation; for a conflict its own name (`ConflictRecord.marker`).
    package var task: TaskGeneration
    package var offset: Int64
    /// Whether the generation ended as cancelled.
    package var isCancel: Bool
    package var content: ContentMark

    package init(task: TaskGeneration, offset: Int64, isCancel: Bool, content: ContentMark = .unknown) {
        self.task = task
        self.offset = offset
        self.isCancel = isCancel
        self.content = content
    }
}
