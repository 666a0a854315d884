internal import BackhaulDomain
internal import BackhaulUnits

/// The object that the newest result for a key says is stored.
struct ExpectedObject: Sendable {
    /// Its place in the order of the survey.
    var number: Int64
    var place: ObjectPlace
    var task: TaskGeneration
    var batch: ByteText
    var sha256: String
    var size: ByteCount
    var acceptedAt: Timestamp

    func lost(_ message: String) -> LostObject {
        LostObject(
            task: task, batch: batch, place: place, size: size, acceptedAt: acceptedAt, message: message)
    }

    func finding(_ kind: AuditFinding.Kind, found: String) -> AuditFinding {
        AuditFinding(kind, task: task, at: place, expected: sha256, found: found)
    }
}
