package import BackhaulUnits

/// What the attempts of a task generation took so far.
package struct TaskEffort: Hashable, Sendable {
    /// When the first attempt began; nil before it.
    package var firstAttemptAt: Timestamp?
    /// Time in attempts, whole milliseconds.
    package var uploading: Duration
    /// Bytes of the file that were sent, those that were sent again included.
    package var bytesSent: ByteCount

    package init(
        firstAttemptAt: Timestamp? = nil, uploading: Duration = .zero, bytesSent: ByteCount = .zero
    ) {
        self.firstAttemptAt = firstAttemptAt
        self.uploading = uploading
        self.bytesSent = bytesSent
    }

    /// Adds an attempt that has ended.
    /// - Parameters:
    ///   - startedAt: by the wall clock.
    ///   - duration: by the steady clock.
    package mutating func add(startedAt: Timestamp, duration: Duration, bytesSent: ByteCount) {
        firstAttemptAt = firstAttemptAt ?? startedAt
        let milliseconds = (uploading + max(.zero, duration)).inMilliseconds
        uploading = .milliseconds(min(milliseconds, Domain.longestWait.inMilliseconds))
        self.bytesSent = min(self.bytesSent + bytesSent, Domain.largestFile)
    }
}
