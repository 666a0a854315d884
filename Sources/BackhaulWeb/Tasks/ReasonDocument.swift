internal import BackhaulDomain
internal import BackhaulUnits
package import BackhaulView

/// Why tasks have not ended, as sent to callers.
package struct ReasonDocument: Codable, Sendable {
    /// A `WaitReason.Kind`.
    var reason: String
    var destination: ByteText
    var tasks: Int
    var oldestAcceptedAt: String
    var nextAttemptAt: String?
    /// Of one of the tasks; all have its class and its HTTP status.
    var failure: FailureDocument?

    package init(_ reason: WaitReason) {
        self.reason = reason.kind.rawValue
        destination = reason.destination
        tasks = reason.tasks
        oldestAcceptedAt = TimeText.format(reason.oldestAcceptedAt)
        nextAttemptAt = reason.nextAttemptAt.map(TimeText.format)
        failure = reason.failure.map(FailureDocument.init)
    }

    /// A reason that this program does not know counts as waiting.
    var waitReason: WaitReason {
        WaitReason(
            kind: WaitReason.Kind(rawValue: reason) ?? .waiting, destination: destination, failure: failure?.failure,
            tasks: tasks, oldestAcceptedAt: TimeText.timestamp(oldestAcceptedAt),
            nextAttemptAt: nextAttemptAt.map(TimeText.timestamp))
    }
}
