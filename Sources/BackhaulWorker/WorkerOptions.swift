package import BackhaulDomain
package import BackhaulUnits

/// The options of a worker role.
package struct WorkerOptions: Sendable {
    /// The name of this worker in outcomes and dead letters.
    package var name: String
    package var layout: TopicLayout
    package var policy: RetryPolicy
    /// Concurrent uploads of the small lane and of the large lane.
    package var uploads: Int
    package var largeUploads: Int
    /// Files of this size or more go through the large lane.
    package var largeThreshold: ByteCount
    /// How long an upload runs before it writes an in-flight mark.
    package var markAfter: Duration
    /// How long after its mark, and after each report, an upload that goes on reports how far it has come.
    package var reportEvery: Duration
    /// How long uploads in progress have to finish when the worker stops or releases a partition.
    package var grace: Duration
    /// Maximum tasks of one lane that wait in memory for less than the smallest tier. More go through the smallest
    /// tier.
    package var memoryWaits: Int
    /// Tasks of the small lane that may be uploading or waiting for their decision to be in the log, per concurrent
    /// upload. A crash may repeat that many uploads. Higher where a settlement takes long. The large lane uses at
    /// most two, since its uploads take longer than any settlement.
    package var decisionsPerUpload: Int

    /// The maximum numbers of concurrent uploads and of pending decisions of a lane.
    func limits(of kind: Lane.Kind) -> (uploads: Int, decisions: Int) { limits(of: kind, uploads: nil) }

    func limits(of kind: Lane.Kind, uploads resized: Int?) -> (uploads: Int, decisions: Int) {
        switch kind {
        case .small:
            let uploads = resized ?? uploads
            return (uploads, uploads * decisionsPerUpload)
        case .large:
            let uploads = resized ?? largeUploads
            return (uploads, uploads * min(2, decisionsPerUpload))
        }
    }

    package init(
        name: String, layout: TopicLayout, policy: RetryPolicy, uploads: Int = 32, largeUploads: Int = 8,
        largeThreshold: ByteCount = ByteCount(64 << 20), markAfter: Duration = .seconds(5),
        reportEvery: Duration = .seconds(10),
        grace: Duration = .seconds(10), memoryWaits: Int = 4_000,
        decisionsPerUpload: Int = 1
    ) {
        self.name = name
        self.layout = layout
        self.policy = policy
        self.uploads = uploads
        self.largeUploads = largeUploads
        self.largeThreshold = largeThreshold
        self.markAfter = markAfter
        self.reportEvery = reportEvery
        self.grace = grace
        self.memoryWaits = memoryWaits
        self.decisionsPerUpload = max(1, decisionsPerUpload)
    }
}
