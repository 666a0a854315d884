package import BackhaulUnits

/// What the result of a generation tells beyond how it ended.
package struct OutcomeFacts: Hashable, Sendable {
    package var source: SourceReference?
    package var contentType: String
    package var effort: TaskEffort
    /// The replay that the generation belongs to; empty for none.
    package var replay: String
    /// Bytes of the file that the last attempt did not have to send, because earlier ones had.
    package var bytesResumed: ByteCount
    /// Whether the same content was there already, and nothing was sent.
    package var wasStored: Bool
    /// The attempts that failed: the first one and the latest, at most `TaskProgress.longestHistory`.
    package var failures: [AttemptRecord]
    /// The position of the task's record, as the origin of a dead letter names it; empty when unknown.
    package var origin: String
    /// The version of the worker; empty when unknown.
    package var version: String

    package init(
        source: SourceReference? = nil, contentType: String = "", effort: TaskEffort = TaskEffort(),
        replay: String = "", bytesResumed: ByteCount = .zero, wasStored: Bool = false,
        failures: [AttemptRecord] = [], origin: String = "", version: String = ""
    ) {
        self.source = source
        self.contentType = contentType
        self.effort = effort
        self.replay = replay
        self.bytesResumed = bytesResumed
        self.wasStored = wasStored
        self.failures = failures
        self.origin = origin
        self.version = version
    }

    /// Whether nothing is known.
    package var isEmpty: Bool {
        source == nil && version.isEmpty && origin.isEmpty && replay.isEmpty && failures.isEmpty && !wasStored
            && contentType.isEmpty && bytesResumed == .zero && effort == TaskEffort()
    }
}
