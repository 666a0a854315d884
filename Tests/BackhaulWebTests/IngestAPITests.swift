import BackhaulDomain
import BackhaulEmbedded
import BackhaulIngest
import BackhaulLog
import BackhaulPipelineKit
import BackhaulRecords
import BackhaulTestKit
import BackhaulUnits
import BackhaulView
import Foundation
import FoundationNetworking
import HTTPTypes
import Logging
import Synchronization
import Testing

@testable import BackhaulWeb

@Suite("Ingest API")
struct IngestAPITests {
    struct Answer {
        var status: Int
        var headers: [AnyHashable: Any]
        var body: Data

        var json: [String: Any] {
            (try? JSONSerialization.jsonObject(with: body)) as? [String: Any] ?? [:]
        }

        var lines: [[String: Any]] {
            body.split(separator: UInt8(ascii: "\n")).compactMap {
                (try? JSONSerialization.jsonObject(with: $0)) as? [String: Any]
            }
        }
    }

    /// Runs a server over an embedded log, and `body` with its base URL.
    private func serving(
        authenticator: Authenticator = Authenticator(isOn: false, tokens: []),
        limits: TenantQuota = .unlimited, states: (any TaskDirectory)? = nil, clock: any LogClock = SystemLogClock(),
        _ body: @escaping @Sendable (Pipeline, String) async throws -> Void
    ) async throws {
        try await withPipeline { pipeline in
            var logger = Logger(label: "test")
            logger.logLevel = .critical
            let meters = WebMeters()
            let rules = LiveRules(
                IngestRules(
                    destinations: ["nas"],
                    base: TenantPolicy(
                        roots: .only(["src"]), destinations: .all, keyPrefixes: nil, freeURLs: false)))
            let limits = TenantLimits(quotas: TenantQuotas(limits), clock: clock)
            let api = IngestAPI(
                ingest: pipeline.ingest, rules: rules, limits: limits, states: states, meters: meters, logger: logger
            ) { source in
                guard source.path != "gone" else { throw Problem(.unprocessableContent, "source-missing", "gone") }
                guard source.path != "away" else { throw Problem(.serviceUnavailable, "root-unavailable", "away") }
                return IngestAPI.FileFacts(size: 7, modifiedAt: 9)
            }
            let readiness = Readiness()
            let server = WebServer(
                host: "127.0.0.1", port: 0, routes: api.routes + HealthRoutes.make(readiness) { "" },
                authenticator: authenticator, meters: meters, logger: logger)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await server.run() }
                let port = try await server.waitUntilListening()
                try await body(pipeline, "http://127.0.0.1:\(port)")
                await server.stop(grace: .seconds(2))
                group.cancelAll()
            }
        }
    }

    private func send(
        _ method: String, _ url: String, _ body: String = "", headers: [String: String] = [:]
    ) async throws -> Answer {
        var request = URLRequest(url: try #require(URL(string: url)))
        request.httpMethod = method
        request.timeoutInterval = 120
        request.setValue("application/json", forHTTPHeaderField: "Content-Type")
        if !body.isEmpty { request.httpBody = Data(body.utf8) }
        for (name, value) in headers { request.setValue(value, forHTTPHeaderField: name) }
        let (data, response) = try await URLSession.shared.data(for: request)
        let http = try #require(response as? HTTPURLResponse)
        return Answer(status: http.statusCode, headers: http.allHeaderFields, body: data)
    }

    private func task(_ path: String, extra: String = "") -> String {
        #"{"source":{"root":"src","path":"\#(path)"},"destination":"nas"\#(extra)}"#
    }

    @Test func taskIsInLogBeforeResponse() async throws {
        try await serving { pipeline, base in
            let answer = try await send("POST", base + "/v1/tasks", task("a/b.jpg", extra: #","taskId":"mine""#))
            #expect(answer.status == 201 && answer.json["taskId"] as? String == "mine")
            #expect(answer.json["status"] as? String == "accepted" && answer.json["offset"] as? Int == 0)
            let ends = try await pipeline.log.bounds(pipeline.layout.tasks).map(\.end)
            #expect(ends.reduce(0, +) == 1)
            let again = try await send("POST", base + "/v1/tasks", task("a/b.jpg", extra: #","taskId":"mine""#))
            #expect(again.status == 200 && again.json["status"] as? String == "known")
            let other = try await send("POST", base + "/v1/tasks", task("other", extra: #","taskId":"mine""#))
            #expect(other.status == 409 && other.json["code"] as? String == "id-conflict")
        }
    }

    /// Says of each task what it is told.
    private final class Told: TaskDirectory {
        let states = Mutex<[ByteText: (generation: Int, state: TaskState)]>([:])

        func known(_ identities: [TaskIdentity]) async throws -> DirectoryAnswer {
            let states = states.withLock { $0 }
            let position = LogPosition(partition: TopicPartition(topic: "tasks", partition: 0), offset: 0)
            let found = identities.compactMap { identity in
                states[identity.id].map {
                    (
                        identity,
                        KnownTask(
                            position: position, generation: $0.generation, fingerprint: [], state: $0.state,
                            finishedAt: nil)
                    )
                }
            }
            return DirectoryAnswer(tasks: Dictionary(found) { first, _ in first }, lag: nil)
        }

        func states(_ identities: [TaskIdentity]) async throws -> DirectoryAnswer { try await known(identities) }
        func unacknowledged(tenant: ByteText) async throws -> Int { 0 }
    }

    /// Known is not stored: a repeated submission says what has become of the task, and what ended badly is accepted
    /// again, unless the caller wants otherwise.
    @Test func knownTasksAreToldApart() async throws {
        let told = Told()
        try await serving(states: told) { _, base in
            let body = task("a", extra: #","taskId":"a""#)
            #expect(try await send("POST", base + "/v1/tasks", body).status == 201)
            for state in TaskState.allCases {
                told.states.withLock { $0["a"] = (0, state) }
                let known = try await send("POST", base + "/v1/tasks?known=skip", body)
                #expect(known.status == 200 && known.json["state"] as? String == state.rawValue, "\(known)")
                let isBad = [.failed, .expired, .cancelled].contains(state)
                let refused = try await send("POST", base + "/v1/tasks?known=fail", body)
                #expect(refused.status == (isBad ? 409 : 200))
                #expect(refused.json["code"] as? String == (isBad ? "ended-\(state.rawValue)" : nil))
            }
            told.states.withLock { $0["a"] = (0, .succeeded) }
            #expect(try await send("POST", base + "/v1/tasks", body).status == 200)
            told.states.withLock { $0["a"] = (0, .failed) }
            let again = try await send("POST", base + "/v1/tasks", body)
            #expect(again.status == 201 && again.json["generation"] as? Int == 1, "\(again)")
            // The directory has not heard of it yet: it is known, and not accepted twice.
            let twice = try await send("POST", base + "/v1/tasks", body)
            #expect(twice.status == 200 && twice.json["status"] as? String == "known", "\(twice)")
            // Twice in one request: one generation, whatever the log finds.
            told.states.withLock { $0["a"] = (1, .failed) }
            let both = try await send(
                "POST", base + "/v1/tasks:batch", body + "\n" + body, headers: ["Content-Type": "application/x-ndjson"])
            let words = both.lines.map { ($0["task"] as? [String: Any])?["status"] as? String }
            #expect(words == ["accepted", "known"], "\(both)")
            let lines = try await send(
                "POST", base + "/v1/tasks:batch?known=fail", body, headers: ["Content-Type": "application/x-ndjson"])
            #expect(lines.lines.first?["code"] as? String == "ended-failed", "\(lines)")
            for query in ["known=maybe", "unknown=1"] {
                #expect(try await send("POST", base + "/v1/tasks?\(query)", body).status == 400)
            }
        }
    }

    @Test func idempotencyKeyDerivesTaskID() async throws {
        try await serving { _, base in
            let headers = ["Idempotency-Key": "order 17 / photo 3"]
            let first = try await send("POST", base + "/v1/tasks", task("a"), headers: headers)
            let second = try await send("POST", base + "/v1/tasks", task("a"), headers: headers)
            let other = try await send("POST", base + "/v1/tasks", task("b"), headers: headers)
            #expect(first.status == 201 && second.status == 200 && other.status == 409)
            #expect(first.json["taskId"] as? String == second.json["taskId"] as? String)
        }
    }

    @Test(arguments: [
        ("{", 400, "bad-json"), ("[]", 400, "bad-json"), (#"{"destination":"nas"}"#, 400, "bad-json"),
        (#"{"source":{"root":"src","path":"a"},"destination":"nas","tpyo":1}"#, 400, "bad-json"),
        (#"{"source":{"root":"src","path":"a","x":1},"destination":"nas"}"#, 400, "bad-json"),
        (#"{"source":{"root":"src","path":"a"},"destination":"http://10.0.0.1/"}"#, 403, "free-urls-off"),
        (#"{"source":{"root":"src","path":"../etc/passwd"},"destination":"nas"}"#, 422, "bad-path"),
        (#"{"source":{"root":"src","path":"gone"},"destination":"nas"}"#, 422, "source-missing"),
        (#"{"source":{"root":"src","path":"a"},"destination":"nas","key":"../up"}"#, 422, "bad-key"),
        (#"{"source":{"root":"src","path":"a"},"destination":"nas","size":1}"#, 422, "size-without-time"),
        (#"{"source":{"root":"src","path":"a"},"destination":"nas","size":1,"modifiedAt":"now"}"#, 422, "bad-time"),
        (#"{"source":{"root":"src","path":"a"},"destination":"nas","size":-1,"modifiedAt":"now"}"#, 400, "bad-json"),
    ])
    func invalidTaskIsRefusedWithCode(_ body: String, _ status: Int, _ code: String) async throws {
        try await serving { pipeline, base in
            let answer = try await send("POST", base + "/v1/tasks", body)
            #expect(answer.status == status && answer.json["code"] as? String == code, "\(answer.json)")
            #expect(answer.json["type"] as? String == "urn:backhaul:problem:" + code)
            #expect(answer.headers["Content-Type"] as? String == "application/problem+json")
            #expect(try await pipeline.log.bounds(pipeline.layout.tasks).allSatisfy { $0.end == 0 })
        }
    }

    @Test func oversizedBodiesAndUnknownPathsAreRefused() async throws {
        try await serving { _, base in
            let long = try await send("POST", base + "/v1/tasks", String(repeating: " ", count: 70_000) + task("a"))
            #expect(long.status == 413 && long.json["code"] as? String == "too-large")
            let unknown = try await send("GET", base + "/v1/nothing")
            #expect(unknown.status == 404 && unknown.json["code"] as? String == "not-found")
            let wrong = try await send("GET", base + "/v1/tasks")
            #expect(wrong.status == 405 && wrong.headers["Allow"] as? String == "POST")
            #expect(try await send("GET", base + "/livez").status == 200)
            #expect(try await send("GET", base + "/readyz").status == 503)
        }
    }

    @Test func batchHasOneResponseLinePerTask() async throws {
        try await serving { pipeline, base in
            var lines = (0..<1_200).map { task("f\($0)") }
            lines[3] = "{"
            lines[5] = ""
            lines[7] = task("f6")
            lines[9] = String(repeating: "x", count: 70_000)
            let answer = try await send("POST", base + "/v1/tasks:batch", lines.joined(separator: "\n"))
            #expect(answer.status == 200 && answer.lines.count == 1_199)
            let byLine = Dictionary(uniqueKeysWithValues: answer.lines.map { ($0["line"] as? Int ?? 0, $0) })
            #expect(answer.lines.compactMap { $0["line"] as? Int } == (1...1_200).filter { $0 != 6 })
            #expect(byLine[4]?["code"] as? String == "bad-json" && byLine[4]?["status"] as? Int == 400)
            #expect(byLine[8]?["status"] as? Int == 200 && byLine[10]?["code"] as? String == "too-large")
            let ends = try await pipeline.log.bounds(pipeline.layout.tasks).map(\.end)
            #expect(ends.reduce(0, +) == 1_196)
        }
    }

    /// An unavailable root fails only its own line.
    @Test func unavailableRootFailsOnlyItsLine() async throws {
        try await serving { _, base in
            let lines = (0..<1_100).map { task($0 == 3 ? "away" : "f\($0)") }
            let answer = try await send("POST", base + "/v1/tasks:batch", lines.joined(separator: "\n"))
            #expect(answer.lines.count == 1_100 && answer.lines[3]["code"] as? String == "root-unavailable")
            #expect(answer.lines.filter { $0["status"] as? Int == 201 }.count == 1_099)
        }
    }

    /// Capabilities, scopes, tenants and limits each have their error code.
    @Test func callerCapabilitiesAndLimitsAreEnforced() async throws {
        let hash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
        let caller = Caller(name: "camera", scopes: [.submit], tenant: "photos")
        let authenticator = Authenticator(isOn: true, tokens: [APIToken(caller: caller, sha256: [hash])])
        try await serving(authenticator: authenticator, limits: .init(tasksPerSecond: 3), clock: ManualClock()) {
            _, base in
            let nobody = try await send("POST", base + "/v1/tasks", task("a"))
            #expect(nobody.status == 401 && nobody.json["code"] as? String == "unauthenticated")
            let headers = ["Authorization": "Bearer test"]
            func code(_ body: String) async throws -> String? {
                try await send("POST", base + "/v1/tasks", body, headers: headers).json["code"] as? String
            }
            #expect(try await code(task("a", extra: #","tenant":"videos""#)) == "wrong-tenant")
            #expect(try await code(task("a").replacing("src", with: "etc")) == "file-source-off")
            #expect(try await code(task("a").replacing("nas", with: "http://127.1/x")) == "free-urls-off")
            #expect(try await code(task("a").replacing("nas", with: "gopher://x/")) == "free-urls-off")
            let own = try await send("POST", base + "/v1/tasks", task("a"), headers: headers)
            #expect(own.status == 201 && own.json["tenant"] as? String == "photos")
            let lines = (0..<600).map { task("f\($0)") }.joined(separator: "\n")
            let answer = try await send("POST", base + "/v1/tasks:batch", lines, headers: headers)
            let refused = answer.lines.filter { $0["code"] as? String == "rate-limit" }
            #expect(answer.lines.count == 600 && refused.count == 101, "\(refused.count)")
            let late = try await send("POST", base + "/v1/tasks", task("late"), headers: headers)
            #expect(late.status == 429 && late.headers["Retry-After"] != nil)
        }
    }

    /// A chunk that is not one.
    @Test func badChunkIsTheClientsMistake() async throws {
        try await serving { _, base in
            let client = try RawClient(port: try #require(URL(string: base)?.port))
            client.send(
                "POST /v1/tasks HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                    + "Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n")
            let answer = await client.receive(seconds: 60) { $0.contains("\r\n\r\n") }
            #expect(answer.text.hasPrefix("HTTP/1.1 400 "), "\(answer.text)")
        }
    }

    /// The files of a day, by the sizes that callers state.
    @Test func bytesOfADayAreLimited() async throws {
        let clock = ManualClock()
        try await serving(limits: .init(bytesPerDay: ByteCount(1_000)), clock: clock) { _, base in
            func sized(_ name: String, _ size: Int) -> String {
                task(name, extra: #","size":\#(size),"modifiedAt":"2026-11-23T05:44:27Z""#)
            }
            let lines = [sized("a", 600), sized("b", 600), sized("c", 1)].joined(separator: "\n") + "\n"
            let answer = try await send("POST", base + "/v1/tasks:batch", lines)
            #expect(answer.lines.map { $0["status"] as? Int } == [201, 201, 429])
            #expect(answer.lines.last?["code"] as? String == "byte-limit")
            let late = try await send("POST", base + "/v1/tasks", sized("c", 1))
            // A fifth of a day's bytes is owed.
            #expect(late.status == 429 && late.headers["Retry-After"] as? String == "17280")
            clock.advance(by: .seconds(17_281))
            #expect(try await send("POST", base + "/v1/tasks", sized("c", 1)).status == 201)
        }
    }

    /// A file that the log has already, or does not take, costs nothing of the day.
    @Test func onlyAcceptedBytesCount() async throws {
        try await serving(limits: .init(bytesPerDay: ByteCount(1_000)), clock: ManualClock()) { pipeline, base in
            func sized(_ name: String, _ size: Int) -> String {
                task(name, extra: #","size":\#(size),"modifiedAt":"2026-11-23T05:44:27Z""#)
            }
            var statuses: [Int] = []
            for body in [sized("a", 600), sized("a", 600), sized("a", 600), sized("b", 300)] {
                statuses.append(try await send("POST", base + "/v1/tasks", body).status)
            }
            await pipeline.close()
            for _ in 0..<2 { statuses.append(try await send("POST", base + "/v1/tasks", sized("c", 60)).status) }
            #expect(statuses == [201, 200, 200, 201, 503, 503])
        }
    }

    /// A caller's trace follows the task through its retries to the result.
    @Test func traceparentReachesResult() async throws {
        try await serving { pipeline, base in
            let count = Mutex(0)
            let server = try StubServer { _ -> StubAnswer in
                count.withLock { count in
                    count += 1
                    return count < 3 ? .status(500) : .store()
                }
            }
            defer { server.close() }
            _ = try pipeline.draft("a", [1], to: .named("nas"))
            var draft = try pipeline.draft("b", [1], to: .url(ByteText(server.url)))
            let id = "4bf92f3577b34da6a3ce929d0e0e4736"
            let header = ["traceparent": "00-\(id)-00f067aa0ba902b7-01"]
            // This one expires: the worker does not know its destination.
            let soon = #","deadline":"\#(TimeText.format(SystemLogClock.wall + .seconds(2)))""#
            _ = try await send("POST", base + "/v1/tasks", task("a", extra: soon), headers: header)
            let tasks = try await pipeline.records(pipeline.layout.tasks)
            draft.trace = tasks.first?.record.header("traceparent")?.text
            #expect(draft.trace?.contains(id) == true)
            _ = try await pipeline.ingest.accept([draft])
            let results = try await pipeline.run { try await pipeline.results(2) }
            #expect(results.first { $0.key == "b" }?.attempts == 3)
            for stored in try await pipeline.records(pipeline.layout.results) {
                #expect(stored.record.header("ce_traceparent")?.text?.contains(id) == true)
            }
        }
    }

    @Test func closedLogIsServiceUnavailable() async throws {
        try await serving { pipeline, base in
            await pipeline.log.close()
            let answer = try await send("POST", base + "/v1/tasks", task("a"))
            #expect(answer.status == 503 && answer.headers["Retry-After"] as? String == "1")
            let batch = try await send("POST", base + "/v1/tasks:batch", task("a") + "\n" + task("b") + "\n")
            #expect(batch.lines.compactMap { $0["status"] as? Int } == [503, 503])
        }
    }
}
