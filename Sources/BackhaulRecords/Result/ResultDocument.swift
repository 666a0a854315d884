package import BackhaulDomain
internal import BackhaulUnits
internal import Foundation

/// The one terminal record of a task generation as JSON: schemas/json/result.v1.schema.json. Every key is always
/// present.
package struct ResultDocument: Hashable, Sendable, Codable {
    package var taskId: ByteText
    package var generation: Int
    package var tenant: ByteText
    package var batch: ByteText
    /// succeeded, failed, cancelled or expired; conflict in a `ConflictRecord`.
    package var status: String
    /// Recorded failures plus the final attempt.
    package var attempts: Int
    package var crashes: Int
    package var bytes: UInt64
    /// Lower-case hex; null when the file was not read to its end.
    @Nullable package var sha256: String?
    /// What was verified at the destination; null unless the upload succeeded.
    @Nullable package var verification: String?
    /// The destination's name, or the base URL.
    package var destination: ByteText
    package var key: ByteText
    @Nullable package var failure: ResultFailure?
    package var objectMayExist: Bool
    package var worker: String
    /// RFC 3339, UTC, milliseconds.
    package var acceptedAt: String
    package var startedAt: String
    package var finishedAt: String
    /// The name of the task's submitter; null when unknown.
    @AddedNullable package var submittedBy: String?
    /// When the stored file was modified, RFC 3339, UTC, milliseconds; null when unknown, or before 1970.
    @AddedNullable package var modifiedAt: String?
    /// The permission bits of the stored file in octal, such as `0644`; null when unknown.
    @AddedNullable package var mode: String?
    // The following are missing in results of version 0.1, and null in what no worker has ended.
    @AddedNullable package var sourceRoot: String?
    @AddedNullable package var sourcePath: String?
    @AddedNullable package var contentType: String?
    @AddedNullable package var firstAttemptAt: String?
    /// Milliseconds in attempts, and all other time from acceptance to the end.
    @AddedNullable package var uploadMs: Int64?
    @AddedNullable package var waitMs: Int64?
    /// Bytes that all attempts sent; of these those that were sent again; and those that the last did not have to send.
    @AddedNullable package var bytesSent: UInt64?
    @AddedNullable package var bytesRepeated: UInt64?
    @AddedNullable package var bytesResumed: UInt64?
    /// Whether the same content was there already, and nothing was sent.
    @AddedNullable package var wasStored: Bool?
    /// The failed attempts, the first one and the latest; null for none.
    @AddedNullable package var retries: [ResultRetry]?
    /// The position of the task's record; a dead letter has it as its origin.
    @AddedNullable package var origin: String?
    /// The replay that the generation belongs to.
    @AddedNullable package var replay: String?
    /// A `traceparent`.
    @AddedNullable package var trace: String?
    /// The version of the worker.
    @AddedNullable package var workerVersion: String?

    /// - Parameter trace: a `traceparent`; nil for none.
    package init(_ outcome: Outcome, trace: String? = nil) {
        taskId = outcome.task.identity.id
        generation = outcome.task.generation
        tenant = outcome.task.identity.tenant
        batch = outcome.batch
        status = outcome.kind.rawValue
        attempts = outcome.attempts
        crashes = outcome.crashes
        bytes = outcome.size.bytes
        _sha256 = Nullable(wrappedValue: outcome.sha256.isEmpty ? nil : outcome.sha256)
        _verification = Nullable(wrappedValue: outcome.verification.isEmpty ? nil : outcome.verification)
        destination = outcome.destination.label
        key = outcome.destination.key
        _failure = Nullable(wrappedValue: outcome.failure.map(ResultFailure.init))
        objectMayExist = outcome.objectMayExist
        worker = outcome.worker
        acceptedAt = TimeText.format(outcome.acceptedAt)
        startedAt = TimeText.format(outcome.startedAt)
        finishedAt = TimeText.format(outcome.finishedAt)
        _submittedBy = AddedNullable(wrappedValue: outcome.submittedBy.isEmpty ? nil : outcome.submittedBy.text)
        let time = outcome.modifiedAt.flatMap { Timestamp(exactly: $0.nanoseconds / 1_000_000) }
        _modifiedAt = AddedNullable(wrappedValue: time.map(TimeText.format))
        _mode = AddedNullable(
            wrappedValue: outcome.permissions.map { bits in
                let digits = String(bits, radix: 8)
                return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
            })
        _trace = AddedNullable(wrappedValue: trace)
        add(outcome.facts, of: outcome)
    }

    private mutating func add(_ facts: OutcomeFacts, of outcome: Outcome) {
        func text(_ text: String) -> String? { text.isEmpty ? nil : text }
        replay = text(facts.replay)
        origin = text(facts.origin)
        workerVersion = text(facts.version)
        guard let source = facts.source else { return }
        sourceRoot = source.root.text
        sourcePath = source.path.text
        contentType = text(facts.contentType)
        firstAttemptAt = facts.effort.firstAttemptAt.map(TimeText.format)
        let uploading = facts.effort.uploading.inMilliseconds
        uploadMs = uploading
        waitMs = max(0, (outcome.finishedAt - outcome.acceptedAt).inMilliseconds.subtractingClamped(uploading))
        let sent = facts.effort.bytesSent
        bytesSent = sent.bytes
        bytesRepeated = outcome.kind == .succeeded && !facts.wasStored ? (sent - outcome.size).bytes : sent.bytes
        bytesResumed = facts.bytesResumed.bytes
        wasStored = facts.wasStored
        retries = facts.failures.isEmpty ? nil : facts.failures.map(ResultRetry.init)
    }

    package var task: TaskGeneration {
        TaskGeneration(identity: TaskIdentity(tenant: tenant, id: taskId), generation: generation)
    }

    package static let contentType = "application/json"

    /// Encodes as JSON with sorted keys. Written by hand, since it runs for every task: `JSONEncoder` makes the
    /// same bytes at ten times the cost, and a test compares the two.
    package func encoded() throws -> [UInt8] {
        var json = JSONText(capacity: 1_024)
        json.raw("{\"acceptedAt\":")
        json.text(acceptedAt)
        json.raw(",\"attempts\":")
        json.number(attempts)
        json.raw(",\"batch\":")
        json.text(batch.text)
        json.raw(",\"bytes\":")
        json.number(bytes)
        json.raw(",\"bytesRepeated\":")
        json.count(bytesRepeated)
        json.raw(",\"bytesResumed\":")
        json.count(bytesResumed)
        json.raw(",\"bytesSent\":")
        json.count(bytesSent)
        json.raw(",\"contentType\":")
        json.text(contentType)
        json.raw(",\"crashes\":")
        json.number(crashes)
        json.raw(",\"destination\":")
        json.text(destination.text)
        json.raw(",\"failure\":")
        if let failure {
            json.raw("{\"httpStatus\":")
            json.count(failure.httpStatus)
            json.raw(",\"kind\":")
            json.text(failure.kind)
            json.raw(",\"message\":")
            json.text(failure.message)
            json.raw("}")
        } else {
            json.raw("null")
        }
        json.raw(",\"finishedAt\":")
        json.text(finishedAt)
        json.raw(",\"firstAttemptAt\":")
        json.text(firstAttemptAt)
        json.raw(",\"generation\":")
        json.number(generation)
        json.raw(",\"key\":")
        json.text(key.text)
        json.raw(",\"mode\":")
        json.text(mode)
        json.raw(",\"modifiedAt\":")
        json.text(modifiedAt)
        json.raw(",\"objectMayExist\":")
        json.flag(objectMayExist)
        json.raw(",\"origin\":")
        json.text(origin)
        json.raw(",\"replay\":")
        json.text(replay)
        json.raw(",\"retries\":")
        ResultRetry.write(retries, to: &json)
        json.raw(",\"sha256\":")
        json.text(sha256)
        json.raw(",\"sourcePath\":")
        json.text(sourcePath)
        json.raw(",\"sourceRoot\":")
        json.text(sourceRoot)
        json.raw(",\"startedAt\":")
        json.text(startedAt)
        json.raw(",\"status\":")
        json.text(status)
        json.raw(",\"submittedBy\":")
        json.text(submittedBy)
        json.raw(",\"taskId\":")
        json.text(taskId.text)
        json.raw(",\"tenant\":")
        json.text(tenant.text)
        json.raw(",\"trace\":")
        json.text(trace)
        json.raw(",\"uploadMs\":")
        json.count(uploadMs)
        json.raw(",\"verification\":")
        json.text(verification)
        json.raw(",\"waitMs\":")
        json.count(waitMs)
        json.raw(",\"wasStored\":")
        if let wasStored { json.flag(wasStored) } else { json.raw("null") }
        json.raw(",\"worker\":")
        json.text(worker)
        json.raw(",\"workerVersion\":")
        json.text(workerVersion)
        json.raw("}")
        return json.bytes
    }

    /// - Throws: `RecordError`.
    package static func decode(_ bytes: [UInt8]?) throws(RecordError) -> ResultDocument {
        let document = try parse(bytes)
        guard OutcomeKind(rawValue: document.status)?.isTerminal == true else {
            throw .invalid(what: "result", problem: "status '\(document.status.prefix(20))' is unknown")
        }
        return document
    }

    /// As `decode`, with any status.
    static func parse(_ bytes: [UInt8]?) throws(RecordError) -> ResultDocument {
        guard let bytes,
            let document = JSONFields.read(bytes).flatMap(Self.init(fields:))
                ?? (try? JSONDecoder().decode(Self.self, from: Data(bytes)))
        else {
            throw .unreadable(what: "result")
        }
        try document.check()
        return document
    }

    private func check() throws(RecordError) {
        try GenerationCodec.check(task.identity, what: "result")
        do {
            try TaskRules.checkBatch(batch)
            try TaskRules.checkPath(key, code: "bad-key", what: "key", limit: TaskRules.largestKey)
            try TaskRules.checkLabel(destination)
        } catch {
            throw .invalid(what: "result", problem: error.message)
        }
        guard Domain.counts.contains(generation), Domain.counts.contains(attempts), Domain.counts.contains(crashes)
        else {
            throw .invalid(what: "result", problem: "a count is out of range")
        }
        guard bytes <= Domain.largestFile.bytes else {
            throw .invalid(what: "result", problem: "bytes is out of range")
        }
        guard sha256.map({ $0.utf8.count == 64 }) ?? true else {
            throw .invalid(what: "result", problem: "sha256 does not have 64 digits")
        }
        guard acceptedAt.utf8.count <= 40, startedAt.utf8.count <= 40, finishedAt.utf8.count <= 40,
            (modifiedAt ?? "").utf8.count <= 40, (firstAttemptAt ?? "").utf8.count <= 40
        else {
            throw .invalid(what: "result", problem: "a time has more than 40 bytes")
        }
        guard worker.utf8.count <= Domain.longestLabel, (submittedBy ?? "").utf8.count <= Domain.longestLabel,
            (verification ?? "").utf8.count <= Domain.longestLabel, (mode ?? "").utf8.count <= Domain.longestLabel,
            (failure?.kind ?? "").utf8.count <= Domain.longestLabel
        else {
            throw .invalid(what: "result", problem: "a label has more than \(Domain.longestLabel) bytes")
        }
        try checkFacts()
    }

    private func checkFacts() throws(RecordError) {
        func fail(_ problem: String) -> RecordError { .invalid(what: "result", problem: problem) }
        let labels = [contentType, origin, trace, workerVersion, sourceRoot]
        guard labels.allSatisfy({ ($0 ?? "").utf8.count <= Domain.longestLabel }),
            (sourcePath ?? "").utf8.count <= TaskRules.largestPath
        else { throw fail("a label has more than \(Domain.longestLabel) bytes, or a path too many") }
        guard replay.map(ReplayName.isValid) ?? true else { throw fail("replay is not the id of one") }
        let counts = [bytesSent, bytesRepeated, bytesResumed].map { $0 ?? 0 }
        let times = [uploadMs, waitMs].map { $0 ?? 0 }
        guard counts.allSatisfy({ $0 <= Domain.largestFile.bytes }), times.allSatisfy({ $0 >= 0 }) else {
            throw fail("a number is out of range")
        }
        guard (retries ?? []).count <= TaskProgress.longestHistory, (retries ?? []).allSatisfy(\.isValid) else {
            throw fail("retries are too many, or out of range")
        }
    }
}

extension ResultDocument {
    /// Reads the usual document: all keys present with the right types, no failure. nil for any other, which
    /// `JSONDecoder` reads.
    init?(fields: JSONFields) {
        func text(_ name: StaticString) -> String? { if case .text(let text) = fields[name] { text } else { nil } }
        func number(_ name: StaticString) -> Int64? {
            if case .number(let number) = fields[name] { number } else { nil }
        }
        func optional(_ name: StaticString) -> String?? {
            switch fields[name] {
            case .text(let text): .some(text)
            case .null: .some(nil)
            default: .none
            }
        }
        // Missing in results of version 0.1.
        func added(_ name: StaticString) -> String?? {
            switch fields[name] {
            case .text(let text): .some(text)
            case .null, nil: .some(nil)
            default: .none
            }
        }
        func addedNumber(_ name: StaticString) -> Int64?? {
            switch fields[name] {
            case .number(let number): .some(number)
            case .null, nil: .some(nil)
            default: .none
            }
        }
        func addedFlag(_ name: StaticString) -> Bool?? {
            switch fields[name] {
            case .flag(let flag): .some(flag)
            case .null, nil: .some(nil)
            default: .none
            }
        }
        guard let taskId = text("taskId"), let generation = number("generation"), let tenant = text("tenant"),
            let batch = text("batch"), let status = text("status"), let attempts = number("attempts"),
            let crashes = number("crashes"), let bytes = number("bytes"), let sha256 = optional("sha256"),
            let verification = optional("verification"), let destination = text("destination"), let key = text("key"),
            fields["failure"] == .null, case .flag(let objectMayExist) = fields["objectMayExist"],
            let worker = text("worker"), let acceptedAt = text("acceptedAt"), let startedAt = text("startedAt"),
            let finishedAt = text("finishedAt"), let submittedBy = added("submittedBy"),
            let modifiedAt = added("modifiedAt"), let mode = added("mode"),
            let sourceRoot = added("sourceRoot"), let sourcePath = added("sourcePath"),
            let contentType = added("contentType"), let firstAttemptAt = added("firstAttemptAt"),
            let uploadMs = addedNumber("uploadMs"), let waitMs = addedNumber("waitMs"),
            let bytesSent = addedNumber("bytesSent"), let bytesRepeated = addedNumber("bytesRepeated"),
            let bytesResumed = addedNumber("bytesResumed"), let wasStored = addedFlag("wasStored"),
            fields["retries"].map({ $0 == .null }) ?? true, let origin = added("origin"),
            let replay = added("replay"), let trace = added("trace"), let workerVersion = added("workerVersion")
        else { return nil }
        self.taskId = ByteText(taskId)
        self.generation = Int(generation)
        self.tenant = ByteText(tenant)
        self.batch = ByteText(batch)
        self.status = status
        self.attempts = Int(attempts)
        self.crashes = Int(crashes)
        self.bytes = UInt64(clamping: bytes)
        _sha256 = Nullable(wrappedValue: sha256)
        _verification = Nullable(wrappedValue: verification)
        self.destination = ByteText(destination)
        self.key = ByteText(key)
        _failure = Nullable(wrappedValue: nil)
        self.objectMayExist = objectMayExist
        self.worker = worker
        self.acceptedAt = acceptedAt
        self.startedAt = startedAt
        self.finishedAt = finishedAt
        _submittedBy = AddedNullable(wrappedValue: submittedBy)
        _modifiedAt = AddedNullable(wrappedValue: modifiedAt)
        _mode = AddedNullable(wrappedValue: mode)
        _sourceRoot = AddedNullable(wrappedValue: sourceRoot)
        _sourcePath = AddedNullable(wrappedValue: sourcePath)
        _contentType = AddedNullable(wrappedValue: contentType)
        _firstAttemptAt = AddedNullable(wrappedValue: firstAttemptAt)
        _uploadMs = AddedNullable(wrappedValue: uploadMs)
        _waitMs = AddedNullable(wrappedValue: waitMs)
        // The reader takes no sign.
        _bytesSent = AddedNullable(wrappedValue: bytesSent.map { UInt64(clamping: $0) })
        _bytesRepeated = AddedNullable(wrappedValue: bytesRepeated.map { UInt64(clamping: $0) })
        _bytesResumed = AddedNullable(wrappedValue: bytesResumed.map { UInt64(clamping: $0) })
        _wasStored = AddedNullable(wrappedValue: wasStored)
        _retries = AddedNullable(wrappedValue: nil)
        _origin = AddedNullable(wrappedValue: origin)
        _replay = AddedNullable(wrappedValue: replay)
        _trace = AddedNullable(wrappedValue: trace)
        _workerVersion = AddedNullable(wrappedValue: workerVersion)
    }
}

/// Why a generation failed, in its result.
package struct ResultFailure: Hashable, Sendable, Codable {
    package var kind: String
    package var message: String
    @Nullable package var httpStatus: Int?

    init(kind: String, message: String) {
        self.kind = kind
        self.message = message
        _httpStatus = Nullable(wrappedValue: nil)
    }

    package init(_ failure: Failure) {
        kind = failure.kind.rawValue
        message = failure.message
        _httpStatus = Nullable(wrappedValue: failure.httpStatus)
    }
}
