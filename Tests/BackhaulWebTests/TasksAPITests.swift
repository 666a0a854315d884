import BackhaulAudit
import BackhaulDomain
import BackhaulIngest
import BackhaulLog
import BackhaulPipelineKit
import BackhaulRecords
import BackhaulTestKit
import BackhaulUnits
import BackhaulView
import Foundation
import FoundationNetworking
import Logging
import Testing

@testable import BackhaulWeb

@Suite("Tasks API")
struct TasksAPITests {
    private struct Place: Sendable {
        var pipeline: Pipeline
        var view: StatusView
        var base: String
        var port: Int
    }

    private func serving(
        quota: TenantQuota = .unlimited, _ body: @escaping @Sendable (Place) async throws -> Void
    ) async throws {
        try await withPipeline { pipeline in
            var logger = Logger(label: "test")
            logger.logLevel = .critical
            let view = try StatusView(
                path: pipeline.folder + "/view.sqlite", log: pipeline.log, layout: pipeline.layout,
                holdsTruncation: false, logger: logger)
            let rules = LiveRules(
                IngestRules(
                    destinations: ["nas"],
                    base: TenantPolicy(
                        roots: .only(["src"]), destinations: .all, keyPrefixes: nil, freeURLs: true)))
            let api = TasksAPI(
                log: pipeline.log, layout: pipeline.layout, view: view, replay: pipeline.replay, rules: rules,
                submissions: TenantLimits(quotas: TenantQuotas(quota), clock: pipeline.clock), clock: pipeline.clock,
                // What a busy machine does within these times is not what the tests ask.
                limits: QueryLimits(position: .seconds(60), cancel: .seconds(60), query: .seconds(120)))
            let server = WebServer(
                host: "127.0.0.1", port: 0, routes: api.routes, authenticator: Authenticator(isOn: false, tokens: []),
                meters: WebMeters(), logger: logger)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await server.run() }
                group.addTask { try await view.run() }
                let port = try await server.waitUntilListening()
                try await body(
                    Place(pipeline: pipeline, view: view, base: "http://127.0.0.1:\(port)/v1/tenants/t", port: port))
                await server.stop(grace: .seconds(2))
                group.cancelAll()
            }
            try view.close()
        }
    }

    private func send(_ method: String, _ url: String, _ body: String? = nil) async throws -> (
        status: Int, json: [String: Any]
    ) {
        var request = URLRequest(url: try #require(URL(string: url)))
        request.httpMethod = method
        request.timeoutInterval = 120
        request.setValue("application/json", forHTTPHeaderField: "Content-Type")
        if let body { request.httpBody = Data(body.utf8) }
        let (data, response) = try await URLSession.shared.data(for: request)
        let json = (try? JSONSerialization.jsonObject(with: data)) as? [String: Any] ?? [:]
        return ((response as? HTTPURLResponse)?.statusCode ?? 0, json)
    }

    @Test func taskShowsEveryAttempt() async throws {
        try await serving { place in
            let pipeline = place.pipeline
            let server = try StubServer { $0.target == "/bad" ? .status(500) : .store() }
            defer { server.close() }
            let drafts = [
                try pipeline.draft("good", [1, 2], to: .url(ByteText(server.url)), id: "g1"),
                try pipeline.draft("bad", [3], to: .url(ByteText(server.url)), id: "b1"),
            ]
            let accepted = try await pipeline.ingest.accept(drafts)
            guard case .accepted(_, let position) = accepted[1] else { Issue.record("\(accepted)"); return }
            let after = "\(position.partition.topic):\(position.partition.partition):\(position.offset)"
            let waiting = try await send("GET", place.base + "/tasks/b1?after=\(after)")
            #expect(waiting.status == 200 && waiting.json["state"] as? String == "waiting")
            let reasons = try await send("GET", place.base + "/reasons?batch=b").json["reasons"] as? [[String: Any]]
            #expect(reasons?.compactMap { $0["tasks"] as? Int }.reduce(0, +) == 2, "\(reasons ?? [])")
            #expect(reasons?.allSatisfy { $0["reason"] as? String == "waiting" && $0["failure"] == nil } == true)
            #expect(try await send("GET", place.base + "/reasons?state=x").status == 400)
            for (query, count) in [("open=true", 2), ("name=b1", 1), ("name=none", 0), ("failure=transient", 0)] {
                let found = try await send("GET", place.base + "/tasks?\(query)").json["tasks"] as? [Any]
                #expect(found?.count == count, "\(query)")
            }
            for query in ["open=yes", "failure=bad"] {
                #expect(try await send("GET", place.base + "/tasks?\(query)").status == 400)
            }
            let far = after.split(separator: ":").dropLast().joined(separator: ":") + ":999"
            let stale = try await send("GET", place.base + "/tasks/b1?after=\(far)")
            #expect(stale.status == 409 && stale.json["code"] as? String == "stale")
            _ = try await pipeline.run { try await pipeline.results(2) }
            try await place.view.catchUp()
            let bad = try await send("GET", place.base + "/tasks/b1")
            #expect(bad.json["state"] as? String == "failed" && bad.json["attempts"] as? Int == 3, "\(bad)")
            let history = bad.json["history"] as? [[String: Any]] ?? []
            #expect(
                history.compactMap { $0["outcome"] as? String } == ["retrying", "retrying", "failed"], "\(history)")
            #expect(history.compactMap { $0["attempt"] as? Int } == [1, 2, 3])
            let good = try await send("GET", place.base + "/tasks/g1")
            #expect(good.json["state"] as? String == "succeeded" && (good.json["history"] as? [Any])?.count == 1)
            #expect(try await send("GET", place.base + "/tasks/none").status == 404)
            let batch = try await send("GET", place.base + "/batches/b")
            let counts = batch.json["counts"] as? [String: Int] ?? [:]
            #expect(counts["succeeded"] == 1 && counts["failed"] == 1 && counts["accepted"] == 2, "\(batch)")
            #expect(batch.json["ended"] as? Bool == true && batch.json["bytesSucceeded"] as? Int == 2)
            // Acknowledged tasks no longer count.
            #expect(try await send("GET", place.base + "/usage").json["unacknowledged"] as? Int == 2)
            #expect(try await send("POST", place.base + "/tasks/g1/acknowledge").status == 200)
            let list = try await send("POST", place.base + "/tasks:acknowledge", #"{"taskIds":["b1","none"]}"#)
            let answers = (list.json["tasks"] as? [[String: Any]] ?? []).compactMap { $0["status"] as? String }
            #expect(answers == ["acknowledged", "unknown"])
            #expect(try await send("GET", place.base + "/usage").json["unacknowledged"] as? Int == 0)
        }
    }

    /// What a command learns over HTTP is what the view says, for every question, page by page.
    @Test func remoteViewSaysWhatTheViewSays() async throws {
        try await serving { place in
            let pipeline = place.pipeline
            let server = try StubServer { $0.target.hasSuffix("/bad") ? .status(422) : .store() }
            defer { server.close() }
            for (tenant, names) in [("photos", ["good", "bad", "né w/ü?&=%"]), ("videos", ["v1"])] {
                for name in names {
                    var draft = try pipeline.draft(
                        "file-\(tenant)-\(name.utf8.count)", [1, 2, 3], to: .url(ByteText(server.url)),
                        key: ByteText("\(tenant)/\(name)"), batch: "b", id: ByteText("\(tenant)-\(name.utf8.count)"))
                    draft.tenant = ByteText(tenant)
                    _ = try await pipeline.ingest.accept([draft])
                }
            }
            _ = try await pipeline.run { try await pipeline.results(4) }
            var waiting = try pipeline.draft("w", [1], to: .url(ByteText(server.url)), key: "w", batch: "late", id: "w")
            waiting.tenant = "photos"
            _ = try await pipeline.ingest.accept([waiting])
            try await place.view.catchUp()
            let base = String(place.base.prefix { $0 != "/" }) + "//" + place.base.split(separator: "/")[1]
            let remote = RemoteView(base: base) { method, url, body in
                var request = URLRequest(url: try #require(URL(string: url)))
                request.httpMethod = method
                request.httpBody = body
                request.setValue("application/json", forHTTPHeaderField: "Content-Type")
                let (data, response) = try await URLSession.shared.data(for: request)
                #expect((response as? HTTPURLResponse)?.statusCode == 200, "\(String(decoding: data, as: UTF8.self))")
                return data
            }
            let view = place.view
            #expect(try await remote.tenants() == view.tenants())
            for batch in [nil, "b", "late", "lete", "zzzzzzzz"] as [ByteText?] {
                for tenant in [nil, "photos", "videos", "none"] as [ByteText?] {
                    #expect(
                        try await remote.overview(batch: batch, tenant: tenant, uploads: 8)
                            == view.overview(batch: batch, tenant: tenant, uploads: 8))
                }
            }
            #expect(try await remote.overview(batch: "lete", tenant: nil, uploads: 0).nearestBatch == "late")
            for limit in [1, 2, 100] {
                var search = TaskSearch(tenant: "photos", limit: limit)
                var own = search
                var count = 0
                repeat {
                    let (there, here) = (try await remote.search(search), try await view.search(own))
                    #expect(there == here)
                    count += there.tasks.count
                    search.after = there.next
                    own.after = here.next
                    for task in there.tasks {
                        #expect(try await remote.attempts(task) == view.attempts(task))
                    }
                } while search.after != nil
                #expect(count == 4)
            }
            var narrow = TaskSearch(tenant: "photos")
            narrow.name = "photos/né w/ü?&=%"
            narrow.batch = "b"
            narrow.state = .succeeded
            #expect(try await remote.search(narrow) == view.search(narrow))
            #expect(try await remote.search(narrow).tasks.count == 1)
            let identities =
                (0..<2_500).map { TaskIdentity(tenant: "photos", id: "none-\($0)") } + [
                    TaskIdentity(tenant: "photos", id: "w"), TaskIdentity(tenant: "photos", id: "photos-4"),
                ]
            let known = try await remote.known(identities)
            #expect(try await known == view.known(identities) && known.count == 2)
        }
    }

    @Test func failedTaskIsRetriedWithNewKey() async throws {
        try await serving { place in
            let pipeline = place.pipeline
            let server = try StubServer { $0.target.hasPrefix("/bad") ? .status(422) : .store() }
            defer { server.close() }
            _ = try await pipeline.ingest.accept([
                try pipeline.draft("bad", [3], to: .url(ByteText(server.url)), id: "b1")
            ])
            let early = try await send("POST", place.base + "/tasks/b1/retry")
            #expect(early.status == 409 && early.json["code"] as? String == "not-failed")
            _ = try await pipeline.run {
                _ = try await pipeline.results(1)
                let wrong = try await send("POST", place.base + "/tasks/b1/retry", #"{"destination":"nowhere"}"#)
                #expect(wrong.status == 422 && wrong.json["code"] as? String == "unknown-destination")
                let odd = try await send("POST", place.base + "/tasks/b1/retry", #"{"key":"../x"}"#)
                #expect(odd.status == 422 && odd.json["code"] as? String == "bad-key")
                let again = try await send("POST", place.base + "/tasks/b1/retry", #"{"key":"good"}"#)
                #expect(again.status == 201 && again.json["generation"] as? Int == 1, "\(again)")
                _ = try await pipeline.results(2)
            }
            try await place.view.catchUp()
            let end = try await send("GET", place.base + "/tasks/b1")
            #expect(end.json["state"] as? String == "succeeded" && end.json["generation"] as? Int == 1)
            #expect((end.json["history"] as? [Any])?.count == 2 && end.json["key"] as? String == "good")
            #expect(server.objects.values.contains([3]) && server.requests.last?.target.hasSuffix("/good") == true)
        }
    }

    /// A retry counts against the day's bytes as a submission does.
    @Test func retriesCountAgainstTheQuota() async throws {
        try await serving(quota: .init(bytesPerDay: ByteCount(2))) { place in
            let pipeline = place.pipeline
            let server = try StubServer { _ in .status(422) }
            defer { server.close() }
            for id in ["b1", "b2"] {
                _ = try await pipeline.ingest.accept([
                    try pipeline.draft(id, [1, 2, 3], to: .url(ByteText(server.url)), id: ByteText(id))
                ])
            }
            _ = try await pipeline.run {
                _ = try await pipeline.results(2)
                #expect(try await send("POST", place.base + "/tasks/b1/retry").status == 201)
                let refused = try await send("POST", place.base + "/tasks/b2/retry")
                #expect(refused.status == 429 && refused.json["code"] as? String == "byte-limit")
                _ = try await pipeline.results(3)
            }
        }
    }

    /// Waiting, sleeping and uploading tasks are cancelled and no longer uploaded, and the control topic ends empty.
    @Test func cancelledTaskIsNotUploaded() async throws {
        try await serving { place in
            let pipeline = place.pipeline
            let server = try StubServer { request -> StubAnswer in
                switch request.target {
                case "/slow": .stall(20)
                case "/later": .status(503, headers: ["Retry-After": "60"])
                default: .store()
                }
            }
            defer { server.close() }
            let names = ["slow", "later", "waits", "done"]
            let drafts = try names.map { try pipeline.draft($0, [1], to: .url(ByteText(server.url)), id: ByteText($0)) }
            _ = try await pipeline.ingest.accept([drafts[2]])
            // The acknowledger alone, without workers.
            _ = try await pipeline.run(workers: 0) {
                let first = try await send("POST", place.base + "/tasks/waits/cancel")
                #expect(first.status == 200 && first.json["status"] as? String == "cancelled", "\(first)")
                let again = try await send("POST", place.base + "/tasks/waits/cancel")
                #expect(again.status == 200)
            }
            _ = try await pipeline.ingest.accept([drafts[0], drafts[1], drafts[3]])
            _ = try await pipeline.run(markAfter: .milliseconds(100)) {
                _ = try await pipeline.results(2)
                try await until("the slow one runs and the other waits") {
                    let slow = try await place.view.task(TaskIdentity(tenant: "t", id: "slow"))?.state
                    let later = try await place.view.task(TaskIdentity(tenant: "t", id: "later"))?.state
                    return slow == .running && later == .retrying
                }
                let done = try await send("POST", place.base + "/tasks/done/cancel")
                #expect(done.status == 409 && done.json["code"] as? String == "already-ended")
                for name in ["slow", "later"] {
                    let cancelled = try await send("POST", place.base + "/tasks/\(name)/cancel")
                    #expect(cancelled.status == 200, "\(name): \(cancelled)")
                }
                try await until("the workers have handled every cancel request") {
                    try await pipeline.openCancelRequests().isEmpty
                }
            }
            let requests = server.requests.map(\.target)
            #expect(!requests.contains("/waits") && requests.filter { $0 == "/slow" }.count == 1, "\(requests)")
            try await place.view.catchUp()
            let waits = try await send("GET", place.base + "/tasks/waits")
            #expect(waits.json["state"] as? String == "cancelled" && waits.json["objectMayExist"] as? Bool == true)
            let slow = try await send("GET", place.base + "/tasks/slow")
            #expect(slow.json["state"] as? String == "cancelled" && slow.json["objectMayExist"] as? Bool == true)
            let report = try await pipeline.audit()
            #expect(report.isClean, "\(report)")
        }
    }

    @Test func searchCursorIsStableUnderInserts() async throws {
        try await serving { place in
            let pipeline = place.pipeline
            let drafts = try (0..<25).map {
                try pipeline.draft(
                    "f\($0)", [1], to: .named($0 % 5 == 0 ? "nas" : "web"), batch: $0 % 2 == 0 ? "even" : "odd")
            }
            _ = try await pipeline.ingest.accept(drafts)
            try await place.view.catchUp()
            var seen: [String] = []
            var cursor = ""
            repeat {
                let page = try await send("GET", place.base + "/tasks?limit=10" + cursor)
                let tasks = page.json["tasks"] as? [[String: Any]] ?? []
                seen += tasks.compactMap { $0["taskId"] as? String }
                // Tasks added meanwhile appear later and shift nothing.
                _ = try await pipeline.ingest.accept([
                    try pipeline.draft("new\(seen.count)", [1], to: .named("nas"), batch: "late")
                ])
                cursor = (page.json["next"] as? String).map { "&cursor=\($0)" } ?? ""
            } while !cursor.isEmpty && seen.count < 100
            #expect(Set(seen).count == seen.count && seen.count >= 25)
            func count(_ query: String) async throws -> Int? {
                (try await send("GET", place.base + "/tasks?" + query).json["tasks"] as? [Any])?.count
            }
            #expect(try await count("batch=even") == 13)
            #expect(try await count("destination=nas&batch=odd") == 2)
            #expect(try await count("state=failed") == 0)
            #expect(try await count("state=waiting&limit=1000&acceptedFrom=2020-01-01T00:00:00Z") ?? 0 >= 25)
            #expect(try await count("acceptedBefore=2020-01-01T00:00:00Z") == 0)
            for wrong in ["limit=0", "state=odd", "nothing=1", "batch="] {
                let answer = try await send("GET", place.base + "/tasks?" + wrong)
                #expect(answer.status == 400 && answer.json["code"] as? String == "bad-query", "\(wrong): \(answer)")
            }
        }
    }

    @Test func eventStreamResumesFromLastEventID() async throws {
        try await serving { place in
            let pipeline = place.pipeline
            let server = try StubServer { _ in .store() }
            defer { server.close() }
            @Sendable func results(_ text: String) -> Int { text.components(separatedBy: "event: result").count - 1 }
            func listen(_ extra: String) throws -> RawClient {
                let client = try RawClient(port: place.port)
                client.send("GET /v1/tenants/t/events?batch=b HTTP/1.1\r\nHost: localhost\r\n\(extra)\r\n")
                return client
            }
            let live = try listen("")
            let greeting = await live.receive(seconds: 60) { $0.contains("retry: 3000") }
            #expect(greeting.text.contains("200 OK"))
            let drafts = try (0..<3).map { try pipeline.draft("\($0)", [1], to: .url(ByteText(server.url))) }
            let other = try pipeline.draft("other", [1], to: .url(ByteText(server.url)), batch: "c")
            _ = try await pipeline.ingest.accept(drafts + [other])
            _ = try await pipeline.run { try await pipeline.results(4) }
            let text = await live.receive(seconds: 60) {
                results($0) == 3 && $0.contains(#""ended":true"#)
            }.text
            #expect(results(text) == 3, "\(text)")
            #expect(text.contains(#""ended":true"#) && !text.contains("\"batch\":\"c\""))
            // The next client resumes after an event's id.
            let ids = text.components(separatedBy: "id: ").dropFirst().map { $0.prefix { !$0.isNewline } }
            let first = String(try #require(ids.first))
            let rest = await (try listen("Last-Event-ID: \(first)\r\n")).receive(seconds: 60) { results($0) >= 2 }.text
            #expect(results(rest) >= 2, "\(rest)")
        }
    }

    private func until(_ what: String, _ isSo: () async throws -> Bool) async throws {
        for _ in 0..<300 {
            if try await isSo() { return }
            try await Task.sleep(for: .milliseconds(50))
        }
        Issue.record("not in time: \(what)")
    }
}
