internal import BackhaulDomain
internal import BackhaulLog
internal import BackhaulRecords
internal import BackhaulReplay
internal import BackhaulUnits
internal import BackhaulView
internal import Foundation
internal import HTTPTypes
internal import Hummingbird

/// Cancel, retry and acknowledge (PhotoKit's three verbs), and the lookup of known tasks for ingest nodes.
extension TasksAPI {
    private struct RetryDocument: Decodable {
        var destination: ByteText?
        var key: ByteText?

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: AnyKey.self)
            try AnyKey.check(container, ["destination", "key"], in: "the retry")
            destination = try container.decodeIfPresent(ByteText.self, forKey: AnyKey("destination"))
            key = try container.decodeIfPresent(ByteText.self, forKey: AnyKey("key"))
        }
    }

    private struct ListDocument: Decodable {
        var taskIds: [ByteText]

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: AnyKey.self)
            try AnyKey.check(container, ["taskIds"], in: "the list")
            taskIds = try container.decode([ByteText].self, forKey: AnyKey("taskIds"))
        }
    }

    private struct AcknowledgeAnswer: Encodable {
        var taskId: ByteText
        /// `acknowledged`, `unfinished` or `unknown`.
        var status: String

        static let done = "acknowledged"
    }

    private struct ListAnswer: Encodable {
        var tasks: [AcknowledgeAnswer]
    }

    private struct ActionAnswer: Encodable {
        var tenant: ByteText
        var taskId: ByteText
        var generation: Int
        var status: String
        var position: PositionDocument?
    }

    func cancel(_ call: Call) async throws -> Response {
        let status = try await status(call)
        let result = try await asking {
            try await actions.cancel(status, caller: call.caller.name, patience: limits.cancel)
        }
        switch result {
        case .ended(let state):
            throw Problem(
                .conflict, "already-ended", "the task has already ended as \(state.rawValue) and cannot be cancelled")
        case .pending: return answer(.accepted, status, "pending")
        case .cancelled: return answer(.ok, status, "cancelled")
        }
    }

    func retry(_ request: Request, _ call: Call) async throws -> Response {
        let wanted = try await retryDocument(request)
        let other = [wanted?.destination.map { "to destination '\($0)'" }, wanted?.key.map { "under key '\($0)'" }]
        return try await acting(.retry, call, detail: other.compactMap(\.self).joined(separator: ", ")) {
            try await retry(call, wanted)
        }
    }

    private func retry(_ call: Call, _ wanted: RetryDocument?) async throws -> Response {
        let status = try await status(call)
        guard status.state == .failed || status.state == .expired else {
            throw Problem(
                .conflict, "not-failed",
                "the task is \(status.state.rawValue); only a failed or expired task can be retried")
        }
        let tenant = status.task.identity.tenant
        var changed: DestinationReference?
        if wanted?.destination != nil || wanted?.key != nil {
            // Another destination for a file is equivalent to submitting the file: the same rights and rules apply.
            try call.caller.require(.submit)
            guard status.position != nil else {
                throw Problem(.gone, "record-gone", "the task's record is no longer kept; submit the file again")
            }
            try rules.rules.check(root: status.root, of: tenant)
            changed = try rules.rules.destination(
                wanted?.destination ?? status.destination, key: wanted?.key ?? status.key, path: status.key, of: tenant)
        }
        let destination = changed
        let outcome: AppendOutcome?
        let (taken, problem) = await submissions.take([status.size], of: tenant, areCounted: true)
        if let problem, taken == 0 { throw problem }
        var isNew = false
        defer { if !isNew { submissions.giveBack(status.size, to: tenant) } }
        do {
            outcome = try await asking {
                try await replay.again(status.task, at: status.position, destination: destination)
            }
            isNew = outcome?.isNew ?? false
        } catch let violation as TaskRules.InvalidTaskError {
            throw Problem(.unprocessableContent, violation.code, violation.message)
        }
        guard let outcome else {
            throw Problem(
                .gone, "record-gone", "neither the task's record nor its dead letter is still kept; submit it again")
        }
        var next = status
        next.task.generation += 1
        return answer(outcome.isNew ? .created : .ok, next, outcome.isNew ? "accepted" : "known", outcome.position)
    }

    /// Returns nil for an empty body: the destination stays the same.
    private func retryDocument(_ request: Request) async throws -> RetryDocument? {
        let length = request.headers[.contentLength].flatMap { Int($0) }
        if length == 0 || (length == nil && request.headers[.transferEncoding] == nil) { return nil }
        return try await body(request, as: RetryDocument.self)
    }

    func acknowledge(_ call: Call) async throws -> Response {
        let status = try await status(call)
        let identity = status.task.identity
        let result = try await asking { try await actions.acknowledge([identity], caller: call.caller.name)[0] }
        switch result {
        case .acknowledged: return answer(.ok, status, "acknowledged")
        case .unknown: throw Problem(.notFound, "unknown-task", "the tenant has no such task")
        case .unfinished(let state):
            throw Problem(
                .conflict, "unfinished", "the task is \(state.rawValue); only an ended task can be acknowledged")
        }
    }

    func acknowledgeMany(_ request: Request, _ call: Call) async throws -> Response {
        let named = ByteText(try call.parameter("tenant"))
        let list = try await body(request, as: ListDocument.self).taskIds
        guard list.count <= Self.largestList else {
            throw Problem(.unprocessableContent, "too-many", "a list has at most \(Self.largestList) tasks")
        }
        let answers = try await call.recording(
            .acknowledge, tenant: named, of: list, to: acts,
            ending: { (answers: [AcknowledgeAnswer]) in
                let counts = Dictionary(answers.map { ($0.status, 1) }, uniquingKeysWith: +)
                let done = counts[AcknowledgeAnswer.done] ?? 0
                return (done == answers.count ? .done : done == 0 ? .refused : .partly, counts)
            }
        ) {
            let tenant = try tenant(call)
            let identities = list.map { TaskIdentity(tenant: tenant, id: $0) }
            let results = try await asking {
                try await view.catchUp()
                return try await actions.acknowledge(identities, caller: call.caller.name)
            }
            return zip(list, results).map { id, result in
                switch result {
                case .acknowledged: AcknowledgeAnswer(taskId: id, status: AcknowledgeAnswer.done)
                case .unfinished: AcknowledgeAnswer(taskId: id, status: "unfinished")
                case .unknown: AcknowledgeAnswer(taskId: id, status: "unknown")
                }
            }
        }
        return JSONAnswer.response(.ok, ListAnswer(tasks: answers))
    }

    private func answer(
        _ status: HTTPResponse.Status, _ task: TaskStatus, _ word: String, _ position: LogPosition? = nil
    ) -> Response {
        JSONAnswer.response(
            status,
            ActionAnswer(
                tenant: task.task.identity.tenant, taskId: task.task.identity.id, generation: task.task.generation,
                status: word, position: position.map(PositionDocument.init)))
    }

    // MARK: Lookup

    func lookup(_ request: Request, _ call: Call) async throws -> Response {
        let question = try await body(request, as: LookupDocument.Question.self)
        let asked = question.tasks
        guard asked.count <= Self.largestList else {
            throw Problem(.unprocessableContent, "too-many", "a list has at most \(Self.largestList) tasks")
        }
        for tenant in Set(asked.map(\.tenant)) { try call.caller.require(tenant: tenant) }
        let identities = asked.map { TaskIdentity(tenant: $0.tenant, id: $0.taskId) }
        let (found, lag) = try await asking {
            if question.catchUp == true { try? await Deadline.run(Self.briefly) { try await view.catchUp() } }
            let lag = try await self.lag.current(view)
            return (try await view.known(identities), lag)
        }
        // An ingest node of version 0.1 cannot read an answer with a task without a position.
        let known = question.withoutRecord == true ? found : found.filter { $0.value.position != nil }
        let tasks = identities.map { identity in
            known[identity].map {
                LookupDocument.Known(
                    position: $0.position.map(PositionDocument.init), fingerprint: Hex.encode($0.fingerprint),
                    generation: $0.generation, state: $0.state?.rawValue,
                    finishedAt: $0.finishedAt.map(TimeText.format))
            }
        }
        return JSONAnswer.response(.ok, LookupDocument.Answer(tasks: tasks, viewLag: lag))
    }
}

extension AppendOutcome {
    fileprivate var isNew: Bool { if case .appended = self { true } else { false } }
}
