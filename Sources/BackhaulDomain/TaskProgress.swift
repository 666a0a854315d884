package import BackhaulUnits

/// The part of a task that changes while it is processed. Stored in the headers of the task's record; bounded.
package struct TaskProgress: Hashable, Sendable {
    /// 0 as submitted; a replay adds 1 to the generation of the dead letter.
    package var generation: Int
    /// Number of recorded failures that spent an attempt.
    package var attempts: Int
    /// Number of times a worker died while this task was marked as in flight.
    package var crashes: Int
    /// Earliest time of the next attempt; nil for no wait.
    package var due: Timestamp?
    /// Whether the task has been moved to the large lane.
    package var isHandedOver: Bool
    /// The first failure and the latest ones, oldest first, at most `longestHistory`.
    package var history: [AttemptRecord]

    /// What the dialect of the destination saved for the next attempt; empty for nothing, at most `largestState` bytes.
    package var uploadState: [UInt8]
    /// The replay that the generation belongs to; empty for none.
    package var replay = ""
    /// What its attempts took so far.
    package var effort = TaskEffort()

    package static let longestHistory = 20
    /// Maximum bytes of what a dialect saves.
    package static let largestState = 4_096

    package init(
        generation: Int = 0, attempts: Int = 0, crashes: Int = 0, due: Timestamp? = nil, isHandedOver: Bool = false,
        history: [AttemptRecord] = [], uploadState: [UInt8] = []
    ) {
        self.generation = generation
        self.attempts = attempts
        self.crashes = crashes
        self.due = due
        self.isHandedOver = isHandedOver
        self.history = history
        self.uploadState = uploadState
    }

    /// Adds a failure to the history. Over the limit it drops the oldest but never the very first: the first
    /// failure tells more than another repetition.
    package mutating func record(_ attempt: AttemptRecord) {
        history.append(attempt)
        if history.count > Self.longestHistory { history.remove(at: 1) }
    }
}
