/// What one record says about a task generation.
struct AuditFact {
    enum Kind: Int64 {
        case accepted
        case result
        /// Unfinished in a topic that workers read.
        case inTasks
        case inRetry
        /// A terminal outcome that is not acknowledged yet.
        case inOutcomes
        /// A result with the status `failed`.
        case failed
        /// A dead letter.
        case letter
        /// A conflict that an acknowledger found: a second submission with other content.
        case conflict
    }

    var kind: Kind
    /// `tenant/taskId/generation`.
    var name: String
    /// The fingerprint of an accepted task.
    var content: [UInt8]?

    init(_ kind: Kind, _ name: String, content: [UInt8]? = nil) {
        self.kind = kind
        self.name = name
        self.content = content
    }
}
