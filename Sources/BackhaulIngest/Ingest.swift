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
        var results: [Acceptance?] = []
        var tasks: [(task: UploadTask, request: AppendRequest)] = []
        let now = clock.wall
        for draft in drafts {
            var task = Self.task(draft, acceptedAt: now)
            task.submitter = submitter
            do {
                try TaskRules.check(task)
            } catch {
                results.append(.rejected(error))
                continue
            }
            results.append(nil)
            tasks.append(
                (task, try TaskRecord.accepted(task, topic: routing.topic(of: task), trace: draft.trace)))
        }
        var next = try await append(tasks).makeIterator()
        return results.compactMap { $0 ?? next.next() }
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
        return try await append(
            try drafts.map { draft, generation in
                var task = Self.task(draft, acceptedAt: now)
                task.submitter = submitter
                let request = try TaskRecord.again(
                    task, generation: generation, topic: routing.topic(of: task), trace: draft.trace)
                return (task, request)
            })
    }

    /// Appends tasks, each identity once: not every log finds repetitions, and a fleet's view learns of these records
    /// later than the next request comes.
    private func append(_ tasks: [(task: UploadTask, request: AppendRequest)]) async throws -> [Acceptance] {
        var requests: [AppendRequest] = []
        /// For each task the number of its identity's request, and the task that this is of.
        var places: [(number: Int, first: Int)] = []
        var known: [TaskIdentity: (number: Int, first: Int)] = [:]
        for (index, entry) in tasks.enumerated() {
            if let place = known[entry.task.identity] {
                places.append(place)
                continue
            }
            let place = (requests.count, index)
            if tasks.count > 1 { known[entry.task.identity] = place }
            places.append(place)
            requests.append(entry.request)
        }
        let outcomes = try await log.append(requests)
        return try tasks.indices.map { index in
            let (number, first) = places[index]
            guard outcomes.indices.contains(number) else {
                throw LogError.unavailable("the log answered fewer records than it was given")
            }
            let task = tasks[index].task
            let acceptance = Self.acceptance(task.identity, outcomes[number])
            guard first != index else { return acceptance }
            let isSame = try TaskFingerprint.of(tasks[first].task) == TaskFingerprint.of(task)
            switch acceptance {
            case .accepted(let identity, let position), .known(let identity, let position):
                return isSame ? .known(identity, position) : .conflict(identity, position)
            case .conflict, .rejected: return acceptance
            }
        }
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
