package import BackhaulDomain

/// How a worker role works.
package struct WorkerOptions: Sendable {
    /// Names this worker in outcomes and dead letters.
    package var name: String
    package var layout: TopicLayout
    package var policy: RetryPolicy
    /// Uploads at a time of the small lane and of the large one.
    package var uploads: Int
    package var largeUploads: Int
    /// Files of this size and more go through the large lane.
    package var largeThreshold: UInt64
    /// Milliseconds that an upload runs before it leaves an in-flight mark.
    package var markAfter: Int64
    /// Milliseconds that uploads under way have to finish when the worker stops or gives a partition up.
    package var grace: Int64
    /// Tasks of one lane that may wait in memory for a time below the smallest tier; more go through the smallest tier.
    package var memoryWaits: Int
    /// How many tasks of the small lane may be uploading or waiting for their decision to be in the log, for each that may
    /// upload; as many uploads a crash may repeat. More where a settlement takes long. The large lane has two at the most:
    /// its uploads take longer than any settlement.
    package var decisionsPerUpload: Int

    /// Uploads at a time of a lane, and tasks that may be on their way to a decision.
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
        largeThreshold: UInt64 = 64 << 20, markAfter: Int64 = 5_000, grace: Int64 = 10_000, memoryWaits: Int = 4_000,
        decisionsPerUpload: Int = 1
    ) {
        self.name = name
        self.layout = layout
        self.policy = policy
        self.uploads = uploads
        self.largeUploads = largeUploads
        self.largeThreshold = largeThreshold
        self.markAfter = markAfter
        self.grace = grace
        self.memoryWaits = memoryWaits
        self.decisionsPerUpload = max(1, decisionsPerUpload)
    }
}
