internal import BackhaulDomain
internal import BackhaulUnits
package import BackhaulView

/// Why tasks have not ended, as sent to callers.
package struct ReasonDocument: Encodable, Sendable {
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
}
