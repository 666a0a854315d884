package import BackhaulDomain
package import BackhaulLog
package import BackhaulUnits

/// A record of the control topic: how far a replay has come. Written with the tasks that it appends, by the one process
/// that runs replays.
package struct ReplayState: Hashable, Sendable {
    package enum Phase: String, Hashable, Sendable, CaseIterable {
        /// Tries a few tasks of each destination first, and waits for their results.
        case canary
        case sending
        /// Everything is appended; some results are missing.
        case finishing
        case paused
        /// By itself: too much has failed, or the canary has no results.
        case stopped
        case cancelled
        case done

        /// Whether the replay goes on without a person.
        package var isActive: Bool { [.canary, .sending, .finishing].contains(self) }
        /// Whether nothing can make the replay go on.
        package var isOver: Bool { self == .cancelled || self == .done }
    }

    package struct Counts: Hashable, Sendable {
        package var appended = 0
        package var appendedSize = ByteCount.zero
        /// Letters that were left out: replayed before, stored since, discarded.
        package var skipped = 0
        /// Letters without a task that can be replayed.
        package var unusable = 0
        package var succeeded = 0
        package var failed = 0
        /// Cancelled or expired.
        package var other = 0

        package init() {}

        /// Results of the replay's tasks.
        package var results: Int { succeeded + failed + other }
    }

    package var phase: Phase
    /// Why it is in that phase, for people; empty where that is plain.
    package var reason: String
    package var at: Timestamp
    /// The first letter of each partition that was not looked at.
    package var cursors: [Int: Int64]
    package var counts: Counts
    /// Results and failures that do not count for a stop: an operator has resumed the replay since.
    package var forgiven: Int
    package var forgivenFailed: Int
    /// Whether the first tasks have their results.
    package var canaryPassed: Bool
    /// The machine and process that wrote this.
    package var process: String
    /// Where the order is that was followed last, in the control topic; -1 for none. Clocks of machines differ.
    package var orderOffset: Int64

    package init(phase: Phase, at: Timestamp, cursors: [Int: Int64] = [:]) {
        self.phase = phase
        self.at = at
        self.cursors = cursors
        reason = ""
        counts = Counts()
        forgiven = 0
        forgivenFailed = 0
        canaryPassed = false
        process = ""
        orderOffset = -1
    }

    package func request(_ id: String, _ layout: TopicLayout) throws -> AppendRequest {
        try ControlRecord.request(.replayState(id), try ReplayCodec.encode(self), layout)
    }
}
