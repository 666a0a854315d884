package import BackhaulLog
package import BackhaulUnits

/// A task that a view knows: what was submitted, and what has become of it.
package struct KnownTask: Hashable, Sendable {
    /// Of its record; nil when the view has not read it, or the log has removed it.
    package var position: LogPosition?
    package var generation: Int
    /// Of the first submission (`TaskFingerprint`); empty when the view has not read its record.
    package var fingerprint: [UInt8]
    /// nil from an acknowledger of version 0.1.
    package var state: TaskState?
    package var finishedAt: Timestamp?

    package init(
        position: LogPosition?, generation: Int, fingerprint: [UInt8], state: TaskState?, finishedAt: Timestamp?
    ) {
        self.position = position
        self.generation = generation
        self.fingerprint = fingerprint
        self.state = state
        self.finishedAt = finishedAt
    }
}
