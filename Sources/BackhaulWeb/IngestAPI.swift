package import BackhaulDomain
package import BackhaulIngest
internal import BackhaulLog
package import BackhaulTelemetry
internal import BackhaulWire
internal import Crypto
internal import Foundation
internal import HTTPTypes
internal import Hummingbird
package import Logging
internal import NIOCore

/// Accepts tasks by HTTP: `POST /v1/tasks` takes one, `POST /v1/tasks:batch` a stream of lines.
package struct IngestAPI: Sendable {
    /// A task as its caller wants it, or why not.
    private typealias Checked = Result<TaskDraft, Problem>

    /// What a file is now.
    package struct FileFacts: Hashable, Sendable {
        package var size: UInt64
        /// Nanoseconds since 1970.
        package var modifiedAt: Int64

        package init(size: UInt64, modifiedAt: Int64) {
            self.size = size
            self.modifiedAt = modifiedAt
        }
    }

    private let ingest: Ingest
    private let rules: LiveRules
    private let limits: TenantLimits
    private let directory: (any TaskDirectory)?
    private let meters: WebMeters
    private let tracer: Tracer?
    private let look: @Sendable (SourceReference) async throws -> FileFacts
    private let logger: Logger

    private static let idempotencyKey = HTTPField.Name("Idempotency-Key")

    /// The longest task document, in bytes.
    package static let largestDocument = 64 << 10
    /// Lines that are appended together at the most.
    private static let lines = 500

    /// - Parameters:
    ///   - directory: who knows which tasks were handed in, where the log does not; nil for nobody.
    ///   - look: finds a file's size and time where the caller does not give them; throws `Problem`.
    package init(
        ingest: Ingest, rules: LiveRules, limits: TenantLimits, directory: (any TaskDirectory)? = nil,
        meters: WebMeters, tracer: Tracer? = nil, logger: Logger,
        look: @escaping @Sendable (SourceReference) async throws -> FileFacts
    ) {
        self.ingest = ingest
        self.rules = rules
        self.limits = limits
        self.directory = directory
        self.meters = meters
        self.tracer = tracer
        self.look = look
        self.logger = logger
    }

    package var routes: [APIRoute] {
        [
            APIRoute(.post, "/v1/tasks", .submit) { request, call in
                let origin = Origin(request, call, tracer)
                do {
                    let response = try await one(request, origin)
                    origin.ended("POST /v1/tasks", tasks: 1)
                    return response
                } catch {
                    origin.ended("POST /v1/tasks", tasks: 0, error: (error as? Problem)?.code ?? "internal")
                    throw error
                }
            },
            APIRoute(.post, "/v1/tasks:batch", .submit) { request, call in
                batch(request, Origin(request, call, tracer))
            },
        ]
    }

    // MARK: One

    private func one(_ request: Request, _ origin: Origin) async throws -> Response {
        let body: ByteBuffer
        do {
            body = try await request.body.collect(upTo: Self.largestDocument)
        } catch is NIOTooManyBytesError {
            throw Problem(.contentTooLarge, "too-large", "a task document has at most \(Self.largestDocument) bytes")
        }
        var document = try TaskDocument.read(Data(body.readableBytesView))
        if let name = Self.idempotencyKey, let key = request.headers[name] {
            let id = try Self.id(of: key, tenant: Self.tenant(document, origin.caller))
            document.taskId = document.taskId ?? id
        }
        let answer = try await accept([draft(document, origin)]).results[0].get()
        return JSONAnswer.response(answer.status == "known" ? .ok : .created, answer)
    }

    /// A task id that the same key always gives (draft-ietf-httpapi-idempotency-key-header).
    private static func id(of key: String, tenant: String) throws -> String {
        guard (1...255).contains(key.utf8.count) else {
            throw Problem(.badRequest, "bad-idempotency-key", "an Idempotency-Key has 1 to 255 bytes")
        }
        let digest = SHA256.hash(data: Data("\(tenant)\u{0}\(key)".utf8))
        return "key-" + Hex.encode(digest.prefix(16))
    }

    // MARK: Many

    /// Each line is answered in its order. Lines are read no faster than the log takes them and the caller reads answers.
    private func batch(_ request: Request, _ origin: Origin) -> Response {
        let body = ResponseBody { writer in
            var splitter = LineSplitter(limit: Self.largestDocument)
            var number = 0
            defer { origin.ended("POST /v1/tasks:batch", tasks: number) }
            for try await chunk in request.body {
                let lines = splitter.take(chunk.readableBytesView)
                guard try await answer(lines, origin, &number, &writer) else { return try await writer.finish(nil) }
            }
            if let line = splitter.finish() { _ = try await answer([line], origin, &number, &writer) }
            try await writer.finish(nil)
        }
        return Response(
            status: .ok, headers: [.contentType: "application/x-ndjson", .cacheControl: "no-store"], body: body)
    }

    /// - Returns: whether to go on: not when the log does not answer. What was not answered was not taken.
    private func answer(
        _ lines: [LineSplitter.Line], _ origin: Origin, _ number: inout Int, _ writer: inout any ResponseBodyWriter
    ) async throws -> Bool {
        for start in stride(from: 0, to: lines.count, by: Self.lines) {
            let part = lines[start..<min(start + Self.lines, lines.count)]
            var drafts: [Checked?] = []
            for line in part { drafts.append(try await draft(line, origin)) }
            let checked = drafts.compactMap { $0 }
            // A batch may go on for hours: whoever sends it must still be let in.
            do { try await origin.call.check() } catch let problem as Problem {
                return try await end(problem, drafts.count, &number, &writer)
            }
            origin.call.isWorking(true)
            let (results, isTaken) = try await accept(checked)
            origin.call.isWorking(false)
            refused(results, origin)
            var next = results.makeIterator()
            var answers = ByteBuffer()
            for draft in drafts {
                number += 1
                guard draft != nil, let result = next.next() else { continue }
                var line = JSONAnswer.line(LineAnswer(line: number, result))
                answers.writeBuffer(&line)
            }
            try await writer.write(answers)
            if !isTaken { return false }
        }
        return true
    }

    /// Lines that were turned away are counted each, and written down together: a page of them is one line of the log.
    private func refused(_ results: [Result<IngestAnswer, Problem>], _ origin: Origin) {
        var refusals: [String: Int] = [:]
        for result in results {
            guard case .failure(let problem) = result else { continue }
            meters.refusals.add(1, [problem.code])
            if [403, 429].contains(problem.status.code) { refusals[problem.code, default: 0] += 1 }
        }
        for (code, count) in refusals {
            logger.warning(
                "refused",
                metadata: ["code": "\(code)", "caller": "\(origin.caller.name)", "lines": "\(count)"])
        }
    }

    /// Answers the lines in hand with one problem, and ends the batch.
    private func end(
        _ problem: Problem, _ lines: Int, _ number: inout Int, _ writer: inout any ResponseBodyWriter
    ) async throws -> Bool {
        var answers = ByteBuffer()
        for _ in 0..<lines {
            number += 1
            var line = JSONAnswer.line(LineAnswer(line: number, .failure(problem)))
            answers.writeBuffer(&line)
        }
        try await writer.write(answers)
        return false
    }

    /// nil for an empty line.
    private func draft(_ line: LineSplitter.Line, _ origin: Origin) async throws -> Checked? {
        switch line {
        case .tooLong:
            return .failure(
                Problem(.contentTooLarge, "too-large", "a line has at most \(Self.largestDocument) bytes"))
        case .line(let bytes) where bytes.allSatisfy({ $0 == 0x20 || $0 == 0x09 }): return nil
        case .line(let bytes):
            do {
                return await draft(try TaskDocument.read(Data(bytes)), origin)
            } catch let problem as Problem {
                return .failure(problem)
            }
        }
    }

    // MARK: Both

    private func draft(_ document: TaskDocument, _ origin: Origin) async -> Checked {
        do {
            return .success(try await check(document, origin))
        } catch let problem as Problem {
            return .failure(problem)
        } catch {
            logger.error("looking at a source failed", metadata: ["error": "\(error)"])
            return .failure(Problem(.internalServerError, "internal", "an internal error; the service's log has more"))
        }
    }

    private static func tenant(_ document: TaskDocument, _ caller: Caller) -> String {
        document.tenant ?? caller.tenant ?? "default"
    }

    private func check(_ document: TaskDocument, _ origin: Origin) async throws -> TaskDraft {
        let tenant = Self.tenant(document, origin.caller)
        try origin.caller.require(tenant: tenant)
        let place = try rules.rules.place(document.destination)
        let source = SourceReference(root: document.source.root, path: document.source.path)
        try rules.rules.check(root: source.root)
        let facts: FileFacts
        switch (document.size, document.modifiedAt) {
        case (let size?, let time?):
            facts = FileFacts(size: size, modifiedAt: try Self.time(time, "modifiedAt"))
        case (nil, nil):
            do {
                try TaskRules.checkName(source.root, what: "root")
                try TaskRules.checkPath(
                    source.path, code: "bad-path", what: "source path", limit: TaskRules.largestPath)
            } catch {
                throw Problem(.unprocessableContent, error.code, error.message)
            }
            facts = try await look(source)
        default:
            throw Problem(.unprocessableContent, "size-without-time", "give both size and modifiedAt, or neither")
        }
        return TaskDraft(
            tenant: tenant, id: document.taskId, batch: document.batch, source: source,
            destination: DestinationReference(place: place, key: document.key),
            size: facts.size, modifiedAt: facts.modifiedAt, contentType: document.contentType,
            deadline: try document.deadline.map { try Self.time($0, "deadline") / 1_000_000 },
            trace: origin.trace?.text)
    }

    private static func time(_ text: String, _ field: String) throws -> Int64 {
        guard let time = TimeText.nanoseconds(text) else {
            throw Problem(
                .unprocessableContent, "bad-time",
                "'\(field)' is no RFC 3339 time such as 2026-11-23T05:44:27.847123456Z")
        }
        return time
    }

    /// - Returns: an answer to each; and whether the log took what was fit for it.
    private func accept(
        _ drafts: [Checked]
    ) async throws -> (results: [Result<IngestAnswer, Problem>], isTaken: Bool) {
        var results: [Result<IngestAnswer, Problem>?] = []
        var good: [(index: Int, draft: TaskDraft)] = []
        for (index, draft) in drafts.enumerated() {
            switch draft {
            case .success(let draft):
                good.append((index, draft))
                results.append(nil)
            case .failure(let problem): results.append(.failure(problem))
            }
        }
        // What is known takes nobody's room.
        let (known, lag) = await known(good.map(\.draft))
        for (entry, found) in zip(good, known) { if let found { results[entry.index] = Self.answer(found, lag) } }
        let fresh = zip(good, known).filter { $0.1 == nil }.map(\.0)
        var taken: [(index: Int, draft: TaskDraft)] = []
        for (entry, problem) in zip(fresh, await limited(fresh.map(\.draft))) {
            if let problem { results[entry.index] = .failure(problem) } else { taken.append(entry) }
        }
        var refusal: Problem?
        defer { for (tenant, count) in Self.counts(taken.map(\.draft)) { limits.settle(count, of: tenant) } }
        do {
            let acceptances = taken.isEmpty ? [] : try await ingest.accept(taken.map(\.draft))
            for (entry, acceptance) in zip(taken, acceptances) { results[entry.index] = Self.answer(acceptance, lag) }
        } catch let error as LogError {
            let problem = Self.refusal(error)
            for entry in taken { results[entry.index] = .failure(problem) }
            refusal = problem
            logger.warning("tasks were not taken", metadata: ["error": "\(error)", "tasks": "\(taken.count)"])
        }
        return (results.map { count($0 ?? Self.answer(nil, lag)) }, refusal == nil)
    }

    private func count(_ result: Result<IngestAnswer, Problem>) -> Result<IngestAnswer, Problem> {
        switch result {
        case .success(let answer): meters.tasks.add(1, [answer.status])
        case .failure(let problem): meters.tasks.add(1, [problem.code])
        }
        return result
    }

    /// What a directory knows of the drafts; nil for each where nobody is asked, or nobody answers: then the task is taken,
    /// and keeps one result all the same.
    private func known(_ drafts: [TaskDraft]) async -> ([Acceptance?], lag: Int64?) {
        let nothing = [Acceptance?](repeating: nil, count: drafts.count)
        guard let directory, !drafts.isEmpty else { return (nothing, nil) }
        let tasks = drafts.map { Ingest.task($0, acceptedAt: 1) }
        do {
            let answer = try await directory.known(tasks.map(\.identity))
            let found = try tasks.map { task -> Acceptance? in
                guard let known = answer.tasks[task.identity] else { return nil }
                return try known.fingerprint == TaskFingerprint.of(task)
                    ? .known(task.identity, known.position) : .conflict(task.identity, known.position)
            }
            return (found, answer.lag)
        } catch {
            logger.warning("which tasks are known was not learnt", metadata: ["error": "\(error)"])
            return (nothing, nil)
        }
    }

    private static func answer(_ acceptance: Acceptance?, _ lag: Int64?) -> Result<IngestAnswer, Problem> {
        switch acceptance {
        case .accepted(let identity, let position): .success(IngestAnswer("accepted", identity, position, lag))
        case .known(let identity, let position): .success(IngestAnswer("known", identity, position, lag))
        case .conflict(let identity, _):
            .failure(Problem(.conflict, "id-conflict", "task '\(identity.id)' exists with other content"))
        case .rejected(let violation):
            .failure(Problem(.unprocessableContent, violation.code, violation.message))
        case nil: .failure(Problem(.internalServerError, "internal", "the log gave no answer to this task"))
        }
    }

    /// Why each is over its tenant's limits, nil for those that are not: the last ones of each tenant are.
    private func limited(_ drafts: [TaskDraft]) async -> [Problem?] {
        let counts = Self.counts(drafts)
        var room: [String: (taken: Int, problem: Problem?)] = [:]
        for (tenant, count) in counts { room[tenant] = await limits.take(count, of: tenant) }
        return drafts.map { draft in
            guard let left = room[draft.tenant] else { return nil }
            if left.taken == 0, let problem = left.problem { return problem }
            room[draft.tenant]?.taken -= 1
            return nil
        }
    }

    private static func counts(_ drafts: [TaskDraft]) -> [String: Int] {
        Dictionary(drafts.map { ($0.tenant, 1) }, uniquingKeysWith: +)
    }

    private static func refusal(_ error: LogError) -> Problem {
        switch error {
        case .recordTooLarge:
            Problem(.contentTooLarge, "too-large", "the task's record is larger than the log takes")
        case .closed: Problem(.serviceUnavailable, "stopping", "the service is stopping", retryAfter: 1)
        case _ where error.mayPass:
            Problem(
                .serviceUnavailable, "log-unavailable",
                "the log does not answer; it may have taken the task or not: submit it again, it keeps one result",
                retryAfter: 5)
        default: Problem(.internalServerError, "log-refused", "the log refuses; the service's log has more")
        }
    }
}
