internal import BackhaulDomain
internal import BackhaulLog
internal import BackhaulRecords

/// What a view knows of a task at its latest generation, and how news change it; pure.
///
/// News of one task come in any order between topics. Within a generation more replaces less: accepted, then on its way,
/// then ended; a task's record adds what only it tells, whenever it comes. A later generation replaces an earlier one.
struct ViewRow: Hashable, Sendable {
    var generation: Int
    var batch: ByteText
    var state = TaskState.waiting
    var bytes: Int64
    var destination: ByteText
    var key: ByteText
    /// Empty until the task's record has been seen.
    var root: ByteText = ""
    var path: ByteText = ""
    /// What the first submission said; nil until its record has been seen.
    var fingerprint: [UInt8]?
    /// Milliseconds since 1970, as all times here.
    var acceptedAt: Int64
    var startedAt: Int64?
    var finishedAt: Int64?
    var dueAt: Int64?
    var attempts = 0
    var crashes = 0
    var failure: String?
    var message: String?
    var httpStatus: Int?
    var sha256: String?
    var verification: String?
    var objectMayExist = false
    var worker = ""
    var isAcknowledged = false
    /// A worker's word on whether the object may be there; nil before one said anything.
    var leftBehind: Bool?
    /// Where the task's record stands; nil until it has been seen.
    var position: LogPosition?

    /// Counts against its tenant's limit: cancelled ones are acknowledged by themselves, as PhotoKit has it.
    var isUnacknowledged: Bool { position != nil && !isAcknowledged && state != .cancelled }

    /// A generation that an outcome or a result tells of before its record has been seen.
    private init(unseen outcome: Outcome) {
        generation = outcome.task.generation
        batch = outcome.batch
        bytes = Int64(clamping: outcome.bytes)
        destination = outcome.destination.label
        key = outcome.destination.key
        acceptedAt = outcome.acceptedAt
    }

    private init(_ task: UploadTask, generation: Int, fingerprint: [UInt8], position: LogPosition) {
        self.generation = generation
        batch = task.batch
        bytes = Int64(clamping: task.size)
        destination = task.destination.label
        key = task.destination.key
        root = task.source.root
        path = task.source.path
        self.fingerprint = fingerprint
        acceptedAt = task.acceptedAt
        self.position = position
    }

    /// Every column as it was read.
    init(
        generation: Int, batch: ByteText, state: TaskState, bytes: Int64, destination: ByteText, key: ByteText,
        acceptedAt: Int64
    ) {
        self.generation = generation
        self.batch = batch
        self.state = state
        self.bytes = bytes
        self.destination = destination
        self.key = key
        self.acceptedAt = acceptedAt
    }

    // MARK: News

    /// The row after a task's record.
    static func accepting(
        _ task: UploadTask, generation: Int, fingerprint: [UInt8], position: LogPosition, after known: ViewRow?
    ) -> ViewRow {
        var fresh = ViewRow(task, generation: generation, fingerprint: fingerprint, position: position)
        guard var row = known else { return fresh }
        if row.generation > generation {
            // What was first submitted stays what the submission said, whichever generation was met first.
            if generation == 0 { row.fingerprint = fingerprint }
            return row
        }
        if row.generation < generation {
            // A retry may go elsewhere; what was submitted stays what it was.
            if let first = row.fingerprint { fresh.fingerprint = first }
            return fresh
        }
        // A repeated submission changes nothing.
        guard row.position == nil else { return row }
        row.batch = task.batch
        row.root = task.source.root
        row.path = task.source.path
        if generation == 0 || row.fingerprint == nil { row.fingerprint = fingerprint }
        row.acceptedAt = task.acceptedAt
        row.position = position
        return row
    }

    /// The row after an outcome that does not end its task: it is on its way.
    static func moving(_ outcome: Outcome, to state: TaskState, after known: ViewRow?) -> ViewRow? {
        if let known {
            guard outcome.task.generation >= known.generation else { return known }
            if outcome.task.generation == known.generation, known.state.isTerminal { return known }
        }
        var row = of(outcome, after: known)
        row.note(outcome, state: state, due: outcome.nextAttemptAt)
        return row
    }

    /// The row after a result, in the form of the outcome that it came from.
    static func ending(_ outcome: Outcome, _ state: TaskState, after known: ViewRow?) -> ViewRow? {
        if let known {
            guard outcome.task.generation >= known.generation else { return known }
            if outcome.task.generation == known.generation, known.state.isTerminal { return known }
        }
        var row = of(outcome, after: known)
        row.note(outcome, state: state, due: nil)
        row.bytes = Int64(clamping: outcome.bytes)
        return row
    }

    /// The row after its owner's acknowledgment.
    static func acknowledging(_ outcome: Outcome, after known: ViewRow?) -> ViewRow? {
        if let known, outcome.task.generation < known.generation { return known }
        var row = of(outcome, after: known)
        row.isAcknowledged = true
        return row
    }

    /// The row after a worker's word on whether a generation's object may be there, for the case that it was cancelled.
    /// Once it may, it may: a task can have two records.
    static func reporting(_ outcome: Outcome, isStored: Bool, after known: ViewRow?) -> ViewRow? {
        guard !outcome.isByCaller else { return known }
        if let known {
            guard outcome.task.generation >= known.generation else { return known }
            // The usual success, whose result is here already.
            if known.generation == outcome.task.generation, known.state == .succeeded { return known }
        }
        var row = of(outcome, after: known)
        row.leftBehind = (row.leftBehind ?? false) || isStored || outcome.objectMayExist
        return row
    }

    /// The row of the outcome's generation; what the first submission said stays.
    private static func of(_ outcome: Outcome, after known: ViewRow?) -> ViewRow {
        guard let known else { return ViewRow(unseen: outcome) }
        guard outcome.task.generation > known.generation else { return known }
        var row = ViewRow(unseen: outcome)
        row.root = known.root
        row.path = known.path
        row.fingerprint = known.fingerprint
        return row
    }

    private mutating func note(_ outcome: Outcome, state: TaskState, due: Int64?) {
        self.state = state
        startedAt = outcome.startedAt
        finishedAt = outcome.kind.isTerminal ? outcome.finishedAt : nil
        dueAt = due
        attempts = outcome.attempts
        crashes = outcome.crashes
        failure = outcome.failure?.kind.rawValue
        message = outcome.failure?.message
        httpStatus = outcome.failure?.httpStatus
        sha256 = outcome.sha256.isEmpty ? nil : outcome.sha256
        verification = outcome.verification.isEmpty ? nil : outcome.verification
        objectMayExist = outcome.objectMayExist
        worker = outcome.worker
    }
}
