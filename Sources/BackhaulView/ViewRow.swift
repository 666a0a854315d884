internal import BackhaulDomain
internal import BackhaulLog
internal import BackhaulRecords
internal import BackhaulUnits

/// A view's row for a task at its latest generation, and how changes update it. Pure.
///
/// Changes to one task arrive in any order between topics. Within a generation, a later state replaces an earlier
/// one: accepted, then in progress, then ended. A task's record adds the fields that only it holds, whenever it
/// arrives. A later generation replaces an earlier one.
struct ViewRow: Hashable, Sendable {
    var generation: Int
    var batch: ByteText
    var state = TaskState.waiting
    var size: ByteCount
    var destination: ByteText
    var key: ByteText
    /// Empty until the task's record is read.
    var root: ByteText = ""
    var path: ByteText = ""
    /// The fingerprint of the first submission; nil until its record is read.
    var fingerprint: [UInt8]?
    var acceptedAt: Timestamp
    var startedAt: Timestamp?
    var finishedAt: Timestamp?
    var dueAt: Timestamp?
    var attempts = 0
    var crashes = 0
    var failure: String?
    var message: String?
    var httpStatus: Int?
    var sha256: String?
    var verification: String?
    var objectMayExist = false
    var worker = ""
    /// Empty when unknown.
    var submittedBy: ByteText = ""
    var isAcknowledged = false
    /// Whether the object may exist, as workers report; nil before the first report.
    var leftBehind: Bool?
    /// The position of the task's record; nil until it is read.
    var position: LogPosition?
    /// Of an upload in progress: the bytes that were sent so far, as its worker last reported.
    var sent: ByteCount?
    /// Whether two contents were submitted under the id: then the row has nothing that only one of their records tells,
    /// so that it is the same in whichever order they are read.
    var isContested = false

    /// Whether the task counts against its tenant's limit. As in PhotoKit, cancelled tasks need no acknowledgment.
    var isUnacknowledged: Bool { position != nil && !isAcknowledged && state != .cancelled }

    /// A hash of the object's place, for an index that is smaller than the names (FNV-1a, 64 bits; draft-eastlake-fnv).
    var place: Int64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        func add(_ byte: UInt8) { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        for byte in destination.utf8 { add(byte) }
        add(0)
        for byte in key.utf8 { add(byte) }
        return Int64(bitPattern: hash)
    }

    /// The row of a generation whose outcome or result is read before its task record.
    private init(unseen outcome: Outcome) {
        generation = outcome.task.generation
        batch = outcome.batch
        size = outcome.size
        destination = outcome.destination.label
        key = outcome.destination.key
        acceptedAt = outcome.acceptedAt
        submittedBy = outcome.submittedBy
    }

    private init(_ task: UploadTask, generation: Int, fingerprint: [UInt8], position: LogPosition) {
        self.generation = generation
        batch = task.batch
        size = task.size
        destination = task.destination.label
        key = task.destination.key
        root = task.source.root
        path = task.source.path
        self.fingerprint = fingerprint
        acceptedAt = task.acceptedAt
        submittedBy = task.submitter?.name ?? ""
        self.position = position
    }

    /// Creates a row from stored columns; the others are set afterwards.
    init(
        generation: Int, batch: ByteText, state: TaskState, size: ByteCount, destination: ByteText, key: ByteText,
        acceptedAt: Timestamp
    ) {
        self.generation = generation
        self.batch = batch
        self.state = state
        self.size = size
        self.destination = destination
        self.key = key
        self.acceptedAt = acceptedAt
    }

    // MARK: Changes

    /// Returns the row after a task's record.
    static func accepting(
        _ task: UploadTask, generation: Int, fingerprint: [UInt8], position: LogPosition, after known: ViewRow?
    ) -> ViewRow {
        var fresh = ViewRow(task, generation: generation, fingerprint: fingerprint, position: position)
        guard var row = known else { return fresh }
        if row.generation > generation {
            // The fingerprint is always that of the first submission, even if a later generation was read first.
            if generation == 0 { row.fingerprint = fingerprint }
            return row
        }
        if row.generation < generation {
            // A replay may have another destination. The fingerprint stays that of the first submission.
            if let first = row.fingerprint { fresh.fingerprint = first }
            return fresh
        }
        // A repeated submission changes nothing.
        if row.isOfAnother(fingerprint) {
            row.contest()
            return row
        }
        guard row.position == nil, !row.isContested else { return row }
        row.batch = task.batch
        row.root = task.source.root
        row.path = task.source.path
        if generation == 0 || row.fingerprint == nil { row.fingerprint = fingerprint }
        row.acceptedAt = task.acceptedAt
        row.submittedBy = task.submitter?.name ?? ""
        row.position = position
        return row
    }

    /// Returns the row after an outcome that does not end its task.
    static func moving(_ outcome: Outcome, to state: TaskState, after known: ViewRow?) -> ViewRow? {
        if let known {
            guard outcome.task.generation >= known.generation else { return known }
            if outcome.task.generation == known.generation, known.state.isTerminal { return known }
        }
        var row = of(outcome, after: known)
        row.note(outcome, state: state, due: outcome.nextAttemptAt)
        return row
    }

    /// Returns the row after a result, given as the outcome that it was recorded for.
    static func ending(_ outcome: Outcome, _ state: TaskState, after known: ViewRow?) -> ViewRow? {
        if let known {
            guard outcome.task.generation >= known.generation else { return known }
            if outcome.task.generation == known.generation, known.state.isTerminal { return known }
        }
        var row = of(outcome, after: known)
        row.note(outcome, state: state, due: nil)
        if row.isOfAnother(outcome.fingerprint) { row.contest() }
        if row.isContested {
            // The content with the result counts.
            row.destination = outcome.destination.label
            row.key = outcome.destination.key
            row.batch = outcome.batch
            row.acceptedAt = outcome.acceptedAt
            row.submittedBy = outcome.submittedBy
        }
        if !outcome.fingerprint.isEmpty, row.generation == 0 { row.fingerprint = outcome.fingerprint }
        row.size = outcome.size
        // Its key may have been taken, and it is stored under a second name.
        if state == .succeeded { row.key = outcome.destination.key }
        return row
    }

    /// Returns the row after its owner's acknowledgment.
    static func acknowledging(_ outcome: Outcome, after known: ViewRow?) -> ViewRow? {
        if let known, outcome.task.generation < known.generation { return known }
        var row = of(outcome, after: known)
        row.isAcknowledged = true
        return row
    }

    /// Returns the row after an audit's finding that the object is not what the result says: the task counts as failed,
    /// so that a new submission of the file is accepted.
    static func losing(_ outcome: Outcome, after known: ViewRow?) -> ViewRow? {
        guard var row = known, row.generation == outcome.task.generation, row.state == .succeeded else { return known }
        row.state = .failed
        row.failure = outcome.failure?.kind.rawValue
        row.message = outcome.failure?.message
        row.verification = nil
        row.objectMayExist = outcome.objectMayExist
        return row
    }

    /// Returns the row after a worker's report on whether a generation's object may exist, in case it was
    /// cancelled. Once reported, "may exist" stays, since a task can have two records.
    static func reporting(_ outcome: Outcome, isStored: Bool, after known: ViewRow?) -> ViewRow? {
        guard !outcome.isByCaller else { return known }
        if let known {
            guard outcome.task.generation >= known.generation else { return known }
            // The usual success, whose result is already in the row.
            if known.generation == outcome.task.generation, known.state == .succeeded { return known }
        }
        var row = of(outcome, after: known)
        row.leftBehind = (row.leftBehind ?? false) || isStored || outcome.objectMayExist
        return row
    }

    /// Returns the row of the outcome's generation. A later generation keeps the source and fingerprint of the
    /// earlier one.
    private static func of(_ outcome: Outcome, after known: ViewRow?) -> ViewRow {
        guard let known else { return ViewRow(unseen: outcome) }
        guard outcome.task.generation > known.generation else { return known }
        var row = ViewRow(unseen: outcome)
        row.root = known.root
        row.path = known.path
        row.fingerprint = known.fingerprint
        return row
    }

    /// Whether a first submission is not the one that the row is of; a replay may change what is submitted.
    private func isOfAnother(_ fingerprint: [UInt8]) -> Bool {
        guard generation == 0, !fingerprint.isEmpty, let known = self.fingerprint else { return false }
        return known != fingerprint
    }

    private mutating func contest() {
        isContested = true
        root = ""
        path = ""
        position = nil
    }

    private mutating func note(_ outcome: Outcome, state: TaskState, due: Timestamp?) {
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
        sent = outcome.kind == .started && outcome.bytesSent > .zero ? outcome.bytesSent : nil
    }
}
