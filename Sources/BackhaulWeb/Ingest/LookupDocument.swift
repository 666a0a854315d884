internal import BackhaulDomain

/// How ingest nodes ask an acknowledger which tasks it knows.
enum LookupDocument {
    struct Question: Codable, Sendable {
        var tasks: [Task]
    }

    struct Task: Codable, Sendable {
        var tenant: ByteText
        var taskId: ByteText
    }

    struct Answer: Codable, Sendable {
        /// In the order of the question; null for an unknown one.
        var tasks: [Known?]
        /// Records of the log that the view has not seen: a task may be known and not be here yet.
        var viewLag: Int64
    }

    struct Known: Codable, Sendable {
        var position: PositionDocument
        /// Lower-case hex.
        var fingerprint: String
    }
}
