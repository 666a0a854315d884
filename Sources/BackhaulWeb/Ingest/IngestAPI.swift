package import BackhaulDomain
package import BackhaulIngest
internal import BackhaulLog
package import BackhaulRecords
package import BackhaulTelemetry
package import BackhaulUnits
internal import Crypto
internal import Foundation
internal import HTTPTypes
internal import Hummingbird
package import Logging
internal import NIOCore

/// Accepts tasks over HTTP: `POST /v1/tasks` takes one, `POST /v1/tasks:batch` a stream of lines.
package struct IngestAPI: Sendable {
    /// A checked draft, or why it is refused.
    typealias Checked = Result<TaskDraft, Problem>

    /// A file's current size and its modification time.
    package struct FileFacts: Hashable, Sendable {
        package var size: ByteCount
        package var modifiedAt: FileTime

        package init(size: ByteCount, modifiedAt: FileTime) {
            self.size = size
            self.modifiedAt = modifiedAt
        }
    }

    let ingest: Ingest
    let rules: LiveRules
    let limits: TenantLimits
    let directory: (any TaskDirectory)?
    let states: (any TaskDirectory)?
    let meters: WebMeters
    let tracer: Tracer?
    let acts: ActRecorder?
    let look: @Sendable (SourceReference) async throws -> FileFacts
    let logger: Logger

    private static let idempotencyKey = HTTPField.Name("Idempotency-Key")

    /// The longest task document, in bytes.
    package static let largestDocument = 64 << 10
    /// Maximum lines in one append.
    private static let lines = 500

    /// - Parameters:
    ///   - directory: finds known tasks before the append; nil for none.
    ///   - states: says what has become of known tasks; nil for none.
    ///   - acts: records submissions; nil for none.
    ///   - look: reads a file's size and time when the caller does not give them; throws `Problem`.
    package init(
        ingest: Ingest, rules: LiveRules, limits: TenantLimits, directory: (any TaskDirectory)? = nil,
        states: (any TaskDirectory)? = nil, meters: WebMeters, tracer: Tracer? = nil, acts: ActRecorder? = nil,
        logger: Logger,
        look: @escaping @Sendable (SourceReference) async throws -> FileFacts
    ) {
        self.ingest = ingest
        self.rules = rules
        self.limits = limits
        self.directory = directory
        self.states = states
        self.meters = meters
        self.tracer = tracer
        self.acts = acts
        self.look = look
        self.logger = logger
    }

    package var routes: [APIRoute] {
        [
            APIRoute(.post, "/v1/tasks", .submit) { request, call in
                let origin = try Origin(request, call, tracer)
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
                batch(request, try Origin(request, call, tracer))
            },
        ]
    }

    // MARK: One

    private func one(_ request: Request, _ origin: Origin) async throws -> Response {
        let body = try await request.bytes(upTo: Self.largestDocument, what: "a task document")
        var document = try TaskDocument.read(Data(body.readableBytesView))
        if let name = Self.idempotencyKey, let key = request.headers[name] {
            let id = try Self.id(of: key, tenant: Self.tenant(document, origin.caller))
            document.taskId = document.taskId ?? id
        }
        let answer = try await accept([draft(document, origin)], origin).results[0].get()
        return JSONAnswer.response(answer.status == "known" ? .ok : .created, answer)
    }

    /// Derives a task id, always the same for a tenant and a key (draft-ietf-httpapi-idempotency-key-header).
    private static func id(of key: String, tenant: ByteText) throws -> ByteText {
        guard (1...255).contains(key.utf8.count) else {
            throw Problem(.badRequest, "bad-idempotency-key", "Idempotency-Key must have 1 to 255 bytes")
        }
        let digest = SHA256.hash(data: Data("\(tenant)\u{0}\(key)".utf8))
        return ByteText("key-" + Hex.encode(digest.prefix(16)))
    }

    // MARK: Many

    /// Answers the lines in order. Reads them no faster than the log accepts tasks and the caller reads answers.
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

    /// - Returns: whether to continue: false after a failed append, or when the caller is no longer authorised. A
    ///   line without an answer was not accepted.
    private func answer(
        _ lines: [LineSplitter.Line], _ origin: Origin, _ number: inout Int, _ writer: inout any ResponseBodyWriter
    ) async throws -> Bool {
        for start in stride(from: 0, to: lines.count, by: Self.lines) {
            let part = lines[start..<min(start + Self.lines, lines.count)]
            var drafts: [Checked?] = []
            for line in part { drafts.append(try await draft(line, origin)) }
            let checked = drafts.compactMap { $0 }
            // A batch may run for hours: the caller must still be authorised.
            do { try await origin.call.check() } catch let problem as Problem {
                origin.call.refused(problem, drafts.count)
                return try await end(problem, drafts.count, &number, &writer)
            }
            origin.call.isWorking(true)
            let (results, isTaken) = try await accept(checked, origin)
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

    /// Reports the refused lines by code, not one by one.
    private func refused(_ results: [Result<IngestAnswer, Problem>], _ origin: Origin) {
        var refusals: [String: (first: Problem, lines: Int)] = [:]
        for result in results {
            guard case .failure(let problem) = result else { continue }
            refusals[problem.code, default: (problem, 0)].lines += 1
        }
        for (problem, lines) in refusals.values { origin.call.refused(problem, lines) }
    }

    /// Answers the current lines with one problem, and ends the batch.
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

    /// Returns nil for a blank line.
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
            logger.error("reading a source's size and time failed", metadata: ["error": "\(error)"])
            return .failure(Problem(.internalServerError, "internal", "internal error; see the service's log output"))
        }
    }

    private static func tenant(_ document: TaskDocument, _ caller: Caller) -> ByteText {
        document.tenant ?? caller.tenant ?? "default"
    }

    private func check(_ document: TaskDocument, _ origin: Origin) async throws -> TaskDraft {
        let tenant = Self.tenant(document, origin.caller)
        try origin.caller.require(tenant: tenant)
        let rules = rules.rules
        let source = SourceReference(root: document.source.root, path: document.source.path)
        let destination = try rules.destination(
            document.destination, key: document.key, path: source.path, of: tenant)
        try rules.check(root: source.root, of: tenant)
        let facts: FileFacts
        switch (document.size, document.modifiedAt) {
        case (let size?, let time?):
            facts = FileFacts(size: ByteCount(size), modifiedAt: try Self.time(time, "modifiedAt"))
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
            destination: destination,
            size: facts.size, modifiedAt: facts.modifiedAt, contentType: document.contentType,
            deadline: try document.deadline.map(Self.deadline),
            trace: origin.trace?.text)
    }

    private static func deadline(_ text: String) throws -> Timestamp {
        let time = try time(text, "deadline")
        // The record has 0 for no deadline.
        guard let deadline = Timestamp(exactly: time.nanoseconds / 1_000_000), deadline > .earliest else {
            throw Problem(.unprocessableContent, "bad-time", "'deadline' must be after 1970-01-01T00:00:00Z")
        }
        return deadline
    }

    private static func time(_ text: String, _ field: String) throws -> FileTime {
        guard let time = TimeText.parse(text) else {
            throw Problem(
                .unprocessableContent, "bad-time",
                "'\(field)' is not an RFC 3339 time such as 2026-11-23T05:44:27.847123456Z")
        }
        return time
    }
}
