import BackhaulDomain
import BackhaulEmbedded
import BackhaulIngest
import BackhaulLog
import BackhaulPipelineKit
import BackhaulRecords
import BackhaulReplay
import BackhaulTestKit
import BackhaulView
import Foundation
import HTTPTypes
import Logging
import Testing

@testable import BackhaulWeb

/// A tenant's callers against everything of another tenant: every route, every method, every spelling of the name.
@Suite("Tenants against each other")
struct TenantMatrixTests {
    private struct Place: Sendable {
        var pipeline: Pipeline
        var routes: [APIRoute]
        var port: Int

        /// Sends a request and returns the whole answer.
        func ask(_ method: String, _ target: String, _ token: String, _ body: String = "") async throws -> String {
            let client = try RawClient(port: port)
            client.send(
                "\(method) \(target) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer \(token)\r\n"
                    + "Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
            return await client.receive(seconds: 60).text
        }

        /// The ends of all topics: what any request may have written.
        func ends() async throws -> [TopicPartition: Int64] {
            var ends: [TopicPartition: Int64] = [:]
            for topic in try await pipeline.log.topics() {
                for bounds in try await pipeline.log.bounds(topic.name) { ends[bounds.partition] = bounds.end }
            }
            return ends
        }
    }

    private func serving(
        _ tokens: [APIToken], tenants: TenantRules = TenantRules(),
        _ body: @escaping @Sendable (Place) async throws -> Void
    ) async throws {
        try await withPipeline { pipeline in
            var logger = Logger(label: "test")
            logger.logLevel = .critical
            let view = try StatusView(
                path: pipeline.folder + "/view.sqlite", log: pipeline.log, layout: pipeline.layout,
                holdsTruncation: false, logger: logger)
            let base = TenantPolicy(
                roots: .only(["src"]), destinations: .all, keyPrefixes: [TenantRules.ownPrefix], freeURLs: false)
            let rules = LiveRules(IngestRules(destinations: ["nas", "tape"], base: base, tenants: tenants))
            let owners = TasksAPI(
                log: pipeline.log, layout: pipeline.layout, view: view, replay: pipeline.replay, rules: rules,
                submissions: TenantLimits(quotas: TenantQuotas(), clock: pipeline.clock), clock: pipeline.clock,
                limits: QueryLimits(position: .seconds(60), cancel: .seconds(60), query: .seconds(120)))
            let ingest = IngestAPI(
                ingest: pipeline.ingest, rules: rules,
                limits: TenantLimits(quotas: TenantQuotas(), clock: pipeline.clock), meters: WebMeters(),
                logger: logger
            ) { _ in IngestAPI.FileFacts(size: 7, modifiedAt: 9) }
            let routes = owners.routes + ingest.routes
            let server = WebServer(
                host: "127.0.0.1", port: 0, routes: routes, authenticator: Authenticator(isOn: true, tokens: tokens),
                meters: WebMeters(), logger: logger)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await server.run() }
                group.addTask { try await view.run() }
                let port = try await server.waitUntilListening()
                try await body(Place(pipeline: pipeline, routes: routes, port: port))
                await server.stop(grace: .seconds(2))
                group.cancelAll()
            }
            try view.close()
        }
    }

    private func caller(_ tenant: ByteText, _ scopes: Set<Scope> = Set(Scope.allCases)) -> (token: String, APIToken) {
        let (text, hash) = APIToken.generate()
        return (text, APIToken(caller: Caller(name: "c", scopes: scopes, tenant: tenant), sha256: [hash]))
    }

    /// How a request may spell `videos` in a path.
    private static let spellings = [
        "videos", "%76ideos", "%76%69%64%65%6f%73", "Videos", "VIDEOS", "videos%20", "%20videos", "videos%00",
        "videos%0A", "videos/", "/videos", "./videos", "photos/../videos", "photos%2F..%2Fvideos", "..%2Fvideos",
        "videos%2F", "*", "%2A", "", "videos;photos", "photos,videos", "photos%2Cvideos", "%2576ideos",
        "videos?tenant=photos", "videos%3Ftenant=photos", "videos%23", "%EF%BD%96ideos", "vi%CC%81deos", "%ff%feideos",
    ]
    private static let methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]

    private static let ofOwnTenant: Set = ["/v1/overview", "/v1/tenants"]

    private static func status(_ answer: String) -> Int? {
        answer.split(separator: " ").dropFirst().first.flatMap { Int($0) }
    }

    @Test func noRouteLeaksAnotherTenant() async throws {
        let (photos, token) = caller("photos")
        try await serving([token]) { place in
            for tenant in ["photos", "videos"] as [ByteText] {
                var draft = try place.pipeline.draft(
                    "canary-\(tenant)", [1], to: .named("nas"), key: "\(tenant)/canary", batch: "canary", id: "one")
                draft.tenant = tenant
                _ = try await place.pipeline.ingest.accept([draft])
            }
            // Its own task is there, so that a refusal below is not for want of tasks.
            // The count catches up with the log before it answers.
            #expect(try await place.ask("GET", "/v1/tenants/photos/usage", photos).contains(" 200 "))
            #expect(try await place.ask("GET", "/v1/tenants/photos/tasks/one", photos).contains("photos/canary"))
            let before = try await place.ends()
            var count = 0
            for route in place.routes {
                for spelling in Self.spellings {
                    let target = route.pattern.replacing("{tenant}", with: spelling).replacing("{id}", with: "one")
                        .replacing("{batch}", with: "canary")
                    // Without a tenant the answer is of the caller's own.
                    if Self.ofOwnTenant.contains(route.pattern) {
                        let answer = try await place.ask("GET", target + "?tenant=" + spelling, photos, "")
                        #expect(Self.status(answer).map { 400..<500 ~= $0 } == true, "\(target) \(spelling): \(answer)")
                        let own = try await place.ask("GET", target, photos, "")
                        #expect(!own.contains("videos"), "\(own)")
                        #expect(own.contains(#""accepted":1,"#) || own.contains(#"["photos"]"#), "\(own)")
                        continue
                    }
                    if target == route.pattern, spelling != "videos" { continue }
                    for method in Self.methods {
                        let answer = try await place.ask(method, target, photos, Self.body(route.pattern, "videos"))
                        let status = Self.status(answer) ?? 0
                        let isBatch = route.pattern == "/v1/tasks:batch" && method == "POST"
                        #expect((400..<500).contains(status) || isBatch, "\(method) \(target): \(answer)")
                        #expect(!answer.contains("canary"), "\(method) \(target): \(answer)")
                        #expect(!isBatch || answer.contains("wrong-tenant"), "\(answer)")
                        count += 1
                    }
                }
            }
            #expect(count > 1_000)
            #expect(try await place.ends() == before)
            // A tenant that does not exist is refused in the same words.
            let (here, nowhere) = (
                try await place.ask("GET", "/v1/tenants/videos/usage", photos),
                try await place.ask("GET", "/v1/tenants/nobody/usage", photos)
            )
            #expect(here.split(separator: "\r\n\r\n").last == nowhere.split(separator: "\r\n\r\n").last)
        }
    }

    private static func body(_ pattern: String, _ tenant: String) -> String {
        switch pattern {
        case "/v1/tasks:lookup": #"{"tasks":[{"tenant":"\#(tenant)","taskId":"one"}]}"#
        case "/v1/tasks", "/v1/tasks:batch":
            #"{"tenant":"\#(tenant)","source":{"root":"src","path":"a"},"destination":"nas"}"#
        case let pattern where pattern.hasSuffix("tasks:acknowledge"): #"{"taskIds":["one"]}"#
        default: "{}"
        }
    }

    /// What a tenant may name decides its submissions, and its retries in the same way.
    @Test func tenantsKeepToTheirKeysDestinationsAndRoots() async throws {
        let (photos, first) = caller("photos")
        let (open, second) = caller("open")
        let tenants = TenantRules([
            .init("photos", destinations: .only(["nas"])),
            .init("open", roots: .all, keyPrefixes: .any, freeURLs: true),
        ])
        try await serving([first, second], tenants: tenants) { place in
            func submit(_ token: String, _ fields: String) async throws -> String {
                try await place.ask("POST", "/v1/tasks", token, "{\(fields)}")
            }
            let source = #""source":{"root":"src","path":"a"}"#
            for (token, fields, wanted) in [
                (photos, source + #","destination":"nas""#, "201"),
                (photos, source + #","destination":"nas","key":"photos/b""#, "201"),
                (photos, source + #","destination":"nas","key":"videos/b""#, "key-off"),
                (photos, source + #","destination":"nas","key":"photos2/b""#, "key-off"),
                (photos, source + #","destination":"nas","key":"photos/../videos/b""#, "bad-key"),
                (photos, source + #","destination":"tape""#, "destination-off"),
                (photos, source + #","destination":"none""#, "unknown-destination"),
                (photos, source + #","destination":"http://h/""#, "free-urls-off"),
                (photos, #""source":{"root":"etc","path":"passwd"},"destination":"nas""#, "file-source-off"),
                (open, #""source":{"root":"etc","path":"passwd"},"destination":"tape","key":"anything""#, "201"),
                (open, source + #","destination":"http://h/","key":"photos/b""#, "201"),
            ] {
                let answer = try await submit(token, fields)
                #expect(answer.contains(wanted), "\(fields): \(answer)")
            }
            let tasks = try await place.pipeline.records(place.pipeline.layout.tasks).map {
                try TaskRecord.read($0.record)
            }
            #expect(tasks.contains { $0.task.destination.key == "photos/a" })
        }
    }

    /// A tenant replays, watches and discards its own letters alone.
    @Test func replaysBelongToTheirTenant() async throws {
        let (mine, first) = caller("t")
        let (other, second) = caller("videos")
        let (all, hash) = APIToken.generate()
        let operators = APIToken(
            caller: Caller(name: "ops", scopes: Set(Scope.allCases), tenant: nil), sha256: [hash])
        try await serving([first, second, operators]) { place in
            let server = try StubServer { _ in .status(422) }
            defer { server.close() }
            for name in ["a", "b", "c"] {
                let draft = try place.pipeline.draft(name, [1], to: .url(ByteText(server.url)), id: ByteText(name))
                _ = try await place.pipeline.ingest.accept([draft])
            }
            _ = try await place.pipeline.run { try await place.pipeline.results(3) }
            let path = "/v1/tenants/t/replays"
            let plan = try await place.ask("POST", path, mine, #"{"httpStatuses":["4xx"]}"#)
            #expect(plan.contains(" 200 ") && plan.contains(#""selected":3"#) && plan.contains(#""issues":[{"#))
            #expect(try await place.ask("GET", path, mine).contains(#"{"items":[]}"#))
            for (body, wanted) in [
                (#"{"keyPattern":""}"#, "too-long"), (#"{"httpStatuses":["9"]}"#, "bad-json"), ("[]", "bad-json"),
                (#"{"since":"yesterday"}"#, "bad-time"), (#"{"rate":0}"#, "bad-json"), (#"{"nonsense":1}"#, "bad-json"),
                (#"{"minAttempts":3,"maxAttempts":2}"#, "bad-range"), (#"{"canary":1e300}"#, "bad-json"),
                (#"{"action":"discard","dryRun":false}"#, "no-reason"), (#"{"issue":"","dryRun":false}"#, "empty"),
                (#"{"destination":"nas","dryRun":false}"#, "destination-off"),
            ] {
                #expect(try await place.ask("POST", path, mine, body).contains(wanted), "\(body)")
            }
            #expect(
                try await place.ask("POST", path, all, #"{"destination":"none"}"#).contains("unknown-destination"))
            let begun = try await place.ask("POST", path, mine, #"{"taskIds":["a"],"dryRun":false,"reason":"why"}"#)
            #expect(begun.contains(" 201 ") && begun.contains(#""phase":"waiting""#))
            let id = try #require(try await place.pipeline.replay.book().sorted.first).replay.id
            for method in ["/pause", "/resume", "/cancel", ""] {
                let verb = method.isEmpty ? "GET" : "POST"
                for place in [
                    try await place.ask(verb, "/v1/tenants/videos/replays/\(id)\(method)", other),
                    try await place.ask(verb, "\(path)/\(id)x\(method)", mine),
                ] { #expect(place.contains("unknown-replay"), "\(place)") }
                #expect(try await place.ask(verb, "\(path)/\(id)\(method)", other).contains("wrong-tenant"))
            }
            #expect(try await place.ask("POST", "\(path)/\(id)/resume", mine).contains("wrong-phase"))
            #expect(try await place.ask("POST", "\(path)/\(id)/pause", mine).contains(" 202 "))
            try await place.pipeline.runReplays()
            #expect(
                try await place.ask("GET", "\(path)/\(id)", mine).contains(#""phase":"paused","phaseReason":"by c""#))
            #expect(try await place.ask("POST", "\(path)/\(id)/resume", mine).contains(" 202 "))
            try await place.pipeline.runReplays()
            #expect(try await place.ask("GET", path, mine).contains(#""replayed":1,"#))
            // Issues are of all tenants.
            let issues = try await place.ask("GET", "/v1/tenants/t/issues", mine)
            let issue = try #require(try await place.pipeline.replay.plan(LetterSelection()).groups.first).issue.id
            #expect(issues.contains(issue) && issues.contains(#""mutedBy":null"#))
            let mute = "/v1/issues/\(issue)/mute"
            #expect(try await place.ask("POST", mute, mine, #"{"reason":"known"}"#).contains("wrong-tenant"))
            #expect(try await place.ask("POST", mute, all, #"{"reason":"known"}"#).contains(#""status":"muted""#))
            #expect(try await place.ask("GET", "/v1/tenants/t/issues", mine).contains(#""mutedBy":"operator""#))
            #expect(try await place.ask("GET", "/v1/tenants/t/issues", all).contains(#""mutedBy":"ops""#))
            #expect(try await place.ask("POST", "/v1/issues/\(issue)/unmute", all).contains("shown"))
            #expect(try await place.ask("POST", "/v1/issues/nonsense/unmute", all).contains("unknown-issue"))
        }
    }

    /// A retry to another place is a submission there: `operate` alone is not enough.
    @Test func retryElsewhereNeedsTheRightToSubmit() async throws {
        let (handler, first) = caller("t", [.operate, .read])
        let (all, second) = caller("t")
        try await serving([first, second]) { place in
            let server = try StubServer { _ in .status(422) }
            defer { server.close() }
            _ = try await place.pipeline.ingest.accept([
                try place.pipeline.draft("a", [1], to: .url(ByteText(server.url)), key: "t/a", id: "one")
            ])
            _ = try await place.pipeline.run {
                _ = try await place.pipeline.results(1)
                let path = "/v1/tenants/t/tasks/one/retry"
                #expect(try await place.ask("POST", path, handler, #"{"destination":"nas"}"#).contains("missing-scope"))
                #expect(
                    try await place.ask("POST", path, all, #"{"destination":"nas","key":"x/a"}"#).contains("key-off"))
                #expect(try await place.ask("POST", path, all, #"{"destination":"nas"}"#).contains(" 201 "))
            }
        }
    }
}
