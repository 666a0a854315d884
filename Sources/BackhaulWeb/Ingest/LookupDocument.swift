internal import BackhaulDomain

/// The query by which ingest nodes learn which tasks an acknowledger knows.
enum LookupDocument {
    struct Question: Codable, Sendable {
        var tasks: [Task]
    }

    struct Task: Codable, Sendable {
        var tenant: ByteText
        var taskId: ByteText
    }

    struct Answer: Codable, Sendable {
        /// In the order of the question; null for an unknown task.
        var tasks: [Known?]
        /// Records of the log that the view has not read; their tasks may be missing here.
        var viewLag: Int64
    }

    struct Known: Codable, Sendable {
        var position: PositionDocument
        /// Lower-case hex.
        var fingerprint: String
        /// Missing from an acknowledger of version 0.1.
        var generation: Int?
        var state: String?
    }
}
