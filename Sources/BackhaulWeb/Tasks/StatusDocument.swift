internal import BackhaulDomain
internal import BackhaulLog
internal import BackhaulRecords
internal import BackhaulUnits
package import BackhaulView

/// A task as sent to callers, with the field names of the result document.
package struct StatusDocument: Codable, Sendable {
    var tenant: ByteText
    var taskId: ByteText
    var generation: Int
    var state: String
    var batch: ByteText
    var source: SourceDocument?
    var destination: ByteText
    var key: ByteText
    var bytes: UInt64
    var acceptedAt: String
    var startedAt: String?
    var finishedAt: String?
    var nextAttemptAt: String?
    /// Of an upload in progress, as its worker last reported.
    var bytesSent: UInt64?
    var attempts: Int
    var crashes: Int
    var failure: FailureDocument?
    var sha256: String?
    var verification: String?
    var objectMayExist: Bool
    var worker: String
    /// Missing when unknown.
    var submittedBy: ByteText?
    var acknowledged: Bool
    var position: PositionDocument?
    /// Every attempt; only in the response for a single task.
    var history: [AttemptDocument]?

    struct SourceDocument: Codable, Sendable {
        var root: ByteText
        var path: ByteText
    }

    package init(_ status: TaskStatus, attempts history: [AttemptStatus]? = nil) {
        tenant = status.task.identity.tenant
        taskId = status.task.identity.id
        generation = status.task.generation
        state = status.state.rawValue
        batch = status.batch
        source = status.position == nil ? nil : SourceDocument(root: status.root, path: status.path)
        destination = status.destination
        key = status.key
        bytes = status.size.bytes
        acceptedAt = TimeText.format(status.acceptedAt)
        startedAt = status.startedAt.map(TimeText.format)
        finishedAt = status.finishedAt.map(TimeText.format)
        nextAttemptAt = status.nextAttemptAt.map(TimeText.format)
        bytesSent = status.bytesSent?.bytes
        attempts = status.attempts
        crashes = status.crashes
        failure = status.failure.map(FailureDocument.init)
        sha256 = status.sha256
        verification = status.verification
        objectMayExist = status.objectMayExist
        worker = status.worker
        submittedBy = status.submittedBy.isEmpty ? nil : status.submittedBy
        acknowledged = status.isAcknowledged
        position = status.position.map(PositionDocument.init)
        self.history = history?.map(AttemptDocument.init)
    }

    /// A state that this program does not know counts as expired.
    var taskStatus: TaskStatus {
        TaskStatus(
            task: TaskGeneration(identity: TaskIdentity(tenant: tenant, id: taskId), generation: generation),
            state: TaskState(rawValue: state) ?? .expired, batch: batch, root: source?.root ?? "",
            path: source?.path ?? "", destination: destination, key: key, size: ByteCount(bytes),
            acceptedAt: TimeText.timestamp(acceptedAt), startedAt: startedAt.map(TimeText.timestamp),
            finishedAt: finishedAt.map(TimeText.timestamp), nextAttemptAt: nextAttemptAt.map(TimeText.timestamp),
            attempts: attempts, crashes: crashes, failure: failure?.failure, sha256: sha256,
            verification: verification, objectMayExist: objectMayExist, worker: worker,
            submittedBy: submittedBy ?? "", isAcknowledged: acknowledged, position: position?.position,
            bytesSent: bytesSent.map { ByteCount($0) })
    }
}
