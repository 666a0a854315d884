package import BackhaulDomain
package import BackhaulLog
internal import BackhaulRecords
package import BackhaulUnits

/// The result of submitting a task.
package enum Acceptance: Hashable, Sendable {
    case accepted(TaskIdentity, LogPosition)
    /// The log already has it, possibly in another batch.
    case known(TaskIdentity, LogPosition)
    /// A task with other content has the id.
    case conflict(TaskIdentity, LogPosition)
    case rejected(TaskRules.InvalidTaskError)
}

/// A task as a submitter describes it.
package struct TaskDraft: Hashable, Sendable {
    package var tenant: ByteText
    /// nil to derive it from the content.
    package var id: ByteText?
    package var batch: ByteText
    package var source: SourceReference
    package var destination: DestinationReference
    package var size: ByteCount
    package var modifiedAt: FileTime
    package var contentType: String
    /// nil for none.
    package var deadline: Timestamp?
    /// The trace that the submission belongs to (W3C `traceparent`); nil for none.
    package var trace: String?

    package init(
        tenant: ByteText, id: ByteText? = nil, batch: ByteText, source: SourceReference,
        destination: DestinationReference,
        size: ByteCount, modifiedAt: FileTime, contentType: String = "", deadline: Timestamp? = nil,
        trace: String? = nil
    ) {
        self.tenant = tenant
        self.id = id
        self.batch = batch
        self.source = source
        self.destination = destination
        self.size = size
        self.modifiedAt = modifiedAt
        self.contentType = contentType
        self.deadline = deadline
        self.trace = trace
    }
}

/// Accepts tasks: checks them, assigns ids and appends them, for the command line and the HTTP API.
package struct Ingest: Sendable {
    private let log: any MessageLog
    private let clock: any LogClock
    private let routing: TaskRouting

    package init(
        log: any MessageLog, layout: TopicLayout, clock: any LogClock, largeThreshold: ByteCount,
        isOrdered: @escaping @Sendable (DestinationReference.Target) -> Bool
    ) {
        self.log = log
        self.clock = clock
        routing = TaskRouting(layout: layout, largeThreshold: largeThreshold, isOrdered: isOrdered)
    }

    /// Accepts a batch of drafts, each independently. Accepted tasks are durable on return.
    /// - Parameter submitter: recorded in each task.
    /// - Throws: `LogError`; then nothing of the call was accepted, unless it is `unavailable` (unknown).
    package func accept(_ drafts: [TaskDraft], by submitter: Submitter? = nil) async throws -> [Acceptance] {
        /// What becomes of a draft: refused, appended by the request of this number, or a repetition of that one.
        enum Part {
            case refused(TaskRules.InvalidTaskError)
            case appended(Int)
            case repeated(Int, isSame: Bool)
        }
        var parts: [Part] = []
        var requests: [AppendRequest] = []
        // Not every log finds repetitions, and a fleet's view learns of these records later than the next draft.
        var first: [TaskIdentity: (number: Int, task: UploadTask)] = [:]
        var identities: [TaskIdentity] = []
        let now = clock.wall
        for draft in drafts {
            var task = Self.task(draft, acceptedAt: now)
            task.submitter = submitter
            do {
                try TaskRules.check(task)
            } catch {
                parts.append(.refused(error))
                continue
            }
            if let found = first[task.identity] {
                let isSame = try TaskFingerprint.of(found.task) == TaskFingerprint.of(task)
                parts.append(.repeated(found.number, isSame: isSame))
                continue
            }
            if drafts.count > 1 { first[task.identity] = (requests.count, task) }
            parts.append(.appended(requests.count))
            identities.append(task.identity)
            requests.append(
                try TaskRecord.accepted(task, topic: routing.topic(of: task), trace: draft.trace))
        }
        let outcomes = try await log.append(requests)
        return try parts.map { part in
            func acceptance(_ number: Int) throws -> Acceptance {
                guard outcomes.indices.contains(number) else {
                    throw LogError.unavailable("the log answered fewer records than it was given")
                }
                return Self.acceptance(identities[number], outcomes[number])
            }
            switch part {
            case .refused(let error): return .rejected(error)
            case .appended(let number): return try acceptance(number)
            case .repeated(let number, let isSame):
                switch try acceptance(number) {
                case .accepted(let identity, let position) where isSame: return .known(identity, position)
                case .known(let identity, let position) where isSame: return .known(identity, position)
                case .accepted(let identity, let position), .known(let identity, let position):
                    return .conflict(identity, position)
                case let other: return other
                }
            }
        }
    }

    /// Accepts tasks again whose last generation has ended.
    /// - Parameters:
    ///   - drafts: what was submitted before, with the generation that follows its last one.
    ///   - submitter: recorded in each task.
    /// - Returns: one answer per draft; known when its generation exists already.
    /// - Throws: `LogError`; then nothing of the call was accepted, unless it is `unavailable` (unknown).
    package func again(
        _ drafts: [(draft: TaskDraft, generation: Int)], by submitter: Submitter? = nil
    ) async throws -> [Acceptance] {
        let now = clock.wall
        var identities: [TaskIdentity] = []
        let requests = try drafts.map { draft, generation in
            var task = Self.task(draft, acceptedAt: now)
            task.submitter = submitter
            identities.append(task.identity)
            return try TaskRecord.again(
                task, generation: generation, topic: routing.topic(of: task), trace: draft.trace)
        }
        return zip(identities, try await log.append(requests)).map(Self.acceptance)
    }

    private static func acceptance(_ identity: TaskIdentity, _ outcome: AppendOutcome) -> Acceptance {
        switch outcome {
        case .appended(let position): .accepted(identity, position)
        case .known(let position): .known(identity, position)
        case .conflict(let position): .conflict(identity, position)
        }
    }

    package static func task(_ draft: TaskDraft, acceptedAt: Timestamp) -> UploadTask {
        let id =
            draft.id
            ?? TaskIdentity.derivedID(
                tenant: draft.tenant, destination: draft.destination, source: draft.source, size: draft.size,
                modifiedAt: draft.modifiedAt)
        return UploadTask(
            identity: TaskIdentity(tenant: draft.tenant, id: id), batch: draft.batch, source: draft.source,
            destination: draft.destination, size: draft.size, modifiedAt: draft.modifiedAt,
            contentType: draft.contentType, acceptedAt: acceptedAt, deadline: draft.deadline)
    }
}
