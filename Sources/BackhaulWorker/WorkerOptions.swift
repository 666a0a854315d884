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
    /// Tasks of one lane that wait in memory with their records. Of more, only the places of the records are kept, or
    /// they go through a tier.
    package var memoryWaits: Int
    /// Tasks that one lane holds in all. Of more, those that wait for a place that fails go through a tier.
    package var heldTasks: Int
    /// Concurrent uploads of one lane to one destination; nil for half of all.
    package var uploadsPerDestination: Int?
    /// Concurrent uploads of one lane of one tenant; nil for no limit of its own.
    package var uploadsPerTenant: Int?
    /// Tasks of the small lane that may be uploading or waiting for their decision to be in the log, per concurrent
    /// upload; of small files more (`Admission.mayRepeatMore`). A crash may repeat that many uploads. Higher where a
    /// settlement takes long. The large lane uses at most two, since its uploads take longer than any settlement.
    package var decisionsPerUpload: Int
    /// The version of the program, for results.
    package var version: String

    /// The limits of a lane.
    /// - Parameter resized: the number of concurrent uploads, if it has changed.
    func admission(of kind: LaneKind, uploads resized: Int? = nil) -> AdmissionLimits {
        let uploads = resized ?? (kind == .small ? uploads : largeUploads)
        let decisions = kind == .small ? decisionsPerUpload : min(2, decisionsPerUpload)
        return AdmissionLimits(
            uploads: uploads, decisions: uploads * decisions,
            perPlace: min(uploads, uploadsPerDestination ?? max(1, uploads / 2)),
            perTenant: min(uploads, uploadsPerTenant ?? uploads))
    }

    package init(
        name: String, layout: TopicLayout, policy: RetryPolicy, uploads: Int = 32, largeUploads: Int = 8,
        largeThreshold: ByteCount = ByteCount(64 << 20), markAfter: Duration = .seconds(5),
        reportEvery: Duration = .seconds(10),
        grace: Duration = .seconds(10), memoryWaits: Int = 4_000, heldTasks: Int = 250_000,
        uploadsPerDestination: Int? = nil, uploadsPerTenant: Int? = nil, decisionsPerUpload: Int = 1,
        version: String = ""
    ) {
        self.version = version
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
        self.heldTasks = heldTasks
        self.uploadsPerDestination = uploadsPerDestination
        self.uploadsPerTenant = uploadsPerTenant
        self.decisionsPerUpload = max(1, decisionsPerUpload)
    }
}
