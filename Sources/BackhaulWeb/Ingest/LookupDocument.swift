internal import BackhaulDomain
internal import BackhaulUnits
internal import BackhaulView

/// The query by which ingest nodes learn which tasks an acknowledger knows.
enum LookupDocument {
    struct Question: Codable, Sendable {
        var tasks: [Task]
        /// Whether the view reads what the log holds before it answers, as far as it can in a second.
        var catchUp: Bool?
        /// Whether to tell tasks, too, whose record the log has removed; they have no position.
        var withoutRecord: Bool?
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
        /// Missing for a task whose record the log has removed.
        var position: PositionDocument?
        /// Lower-case hex.
        var fingerprint: String
        /// Missing from an acknowledger of version 0.1.
        var generation: Int?
        var state: String?
        var finishedAt: String?

        /// nil for one that cannot be read.
        var task: KnownTask? {
            guard let fingerprint = Hex.decode(fingerprint) else { return nil }
            return KnownTask(
                position: position?.position, generation: generation ?? 0, fingerprint: fingerprint,
                state: state.flatMap(TaskState.init(rawValue:)), finishedAt: finishedAt.map(TimeText.timestamp))
        }
    }
}
