import BackhaulAudit
import BackhaulDestinations
import BackhaulDomain
import BackhaulEmbedded
import BackhaulIngest
import BackhaulLog
import BackhaulPipelineKit
import BackhaulRecords
import BackhaulReplay
import BackhaulTestKit
import BackhaulTransfer
import BackhaulUnits
import Foundation
import Synchronization
import Testing

@Suite("Workers", .serialized)
struct WorkerTests {
    private func withServer(
        _ answer: @escaping @Sendable (StubRequest) -> StubAnswer, _ body: (StubServer) async throws -> Void
    ) async throws {
        let server = try StubServer(answer: answer)
        defer { server.close() }
        try await body(server)
    }

    private func accept(_ pipeline: Pipeline, _ drafts: [TaskDraft]) async throws {
        for acceptance in try await pipeline.ingest.accept(drafts) {
            guard case .accepted = acceptance else {
                Issue.record("\(acceptance)")
                continue
            }
        }
    }

    @Test func uploadWritesOneResultPerTask() async throws {
        try await withServer({ _ in .store() }) { server in
            try await withPipeline { pipeline in
                let drafts = try (0..<200).map {
                    try pipeline.draft("d/\($0) ä.bin", Array("content \($0)".utf8), to: .url(ByteText(server.url)))
                }
                try await accept(pipeline, drafts)
                let results = try await pipeline.run(workers: 2) { try await pipeline.results(200) }
                #expect(
                    results.allSatisfy { $0.status == "succeeded" && $0.attempts == 1 && $0.verification == "http-2xx" }
                )
                #expect(results.allSatisfy { $0.bytesSent == $0.bytes && $0.bytesResumed == 0 })
                #expect(Set(results.map(\.taskId)).count == 200)
                #expect(server.objects.count == 200)
                #expect(server.objects["d/7%20%C3%A4.bin"] == Array("content 7".utf8))
                #expect(try await pipeline.audit().isClean)
            }
        }
    }

    /// The destination answers 500 to everything: the tasks pass through the retry tiers and become byte-identical
    /// dead letters with their history. Replayed once the destination works, they succeed as generation 1.
    @Test func failedTasksAreDeadLetteredAndReplayed() async throws {
        let isHealed = Mutex(false)
        try await withServer({ _ in isHealed.withLock { $0 } ? .store() : .status(500) }) { server in
            try await withPipeline { pipeline in
                let drafts = try (0..<20).map {
                    try pipeline.draft("\($0)", [UInt8($0)], to: .url(ByteText(server.url)))
                }
                try await accept(pipeline, drafts)
                try await pipeline.run {
                    let results = try await pipeline.results(20)
                    #expect(
                        results.allSatisfy {
                            $0.status == "failed" && $0.attempts == 3 && $0.failure?.httpStatus == 500
                        })
                }
                #expect(server.requests.count == 60, "three attempts each")
                let values = Set(try await pipeline.records(pipeline.layout.tasks).map(\.record.value))
                let letters = try await pipeline.deadLetters()
                #expect(letters.count == 20)
                #expect(Set(letters.map(\.stored.record.value)) == values)
                #expect(
                    letters.allSatisfy {
                        $0.progress.attempts == 3 && $0.progress.history.count == 3 && $0.httpStatus == 500
                    })
                isHealed.withLock { $0 = true }
                let replay = try await pipeline.replay(LetterSelection(batch: "b"))
                #expect(replay.state?.counts.appended == 20)
                let results = try await pipeline.run { try await pipeline.results(40) }
                #expect(
                    results.filter { $0.generation == 1 && $0.status == "succeeded" && $0.attempts == 1 }.count == 20)
                #expect(try await pipeline.audit().isClean)
            }
        }
    }

    @Test(arguments: [403, 422]) func permanentStatusFailsWithoutRetry(_ status: Int) async throws {
        try await withServer({ _ in .status(status) }) { server in
            try await withPipeline { pipeline in
                try await accept(pipeline, [try pipeline.draft("a", [1], to: .url(ByteText(server.url)))])
                let results = try await pipeline.run { try await pipeline.results(1) }
                #expect(
                    results[0].status == "failed" && results[0].attempts == 1
                        && results[0].failure?.httpStatus == status
                )
                #expect(server.requests.count == 1)
            }
        }
    }

    @Test func retryAfterSpendsNoAttempt() async throws {
        try await withServer({ $0.earlier < 4 ? .status(429, headers: ["Retry-After": "1"]) : .store() }) { server in
            try await withPipeline { pipeline in
                try await accept(pipeline, [try pipeline.draft("a", [1], to: .url(ByteText(server.url)))])
                let results = try await pipeline.run { try await pipeline.results(1) }
                #expect(results[0].status == "succeeded" && results[0].attempts == 1)
                #expect(server.requests.count == 5)
            }
        }
    }

    /// Each of these may or may not have stored the object; none counts as a success, and each attempt is one request.
    @Test(arguments: ["early", "broken", "lost"])
    func inconclusiveResponseIsRetried(_ how: String) async throws {
        try await withServer({ request in
            guard request.earlier == 0 else { return .store() }
            return switch how {
            case "early": .early(200)
            case "broken": .breakAnswer
            default: .loseReply
            }
        }) { server in
            try await withPipeline { pipeline in
                let bytes = [UInt8](repeating: 7, count: 6_000_000)
                try await accept(pipeline, [try pipeline.draft("a", bytes, to: .url(ByteText(server.url)))])
                let results = try await pipeline.run { try await pipeline.results(1) }
                #expect(results[0].status == "succeeded" && results[0].attempts == 2)
                #expect(server.requests.count == 2)
                #expect(server.objects["a"] == bytes)
            }
        }
    }

    @Test func malformedTasksGoToDeadLettersUnchanged() async throws {
        try await withServer({ _ in .store() }) { server in
            try await withPipeline(partitions: 1) { pipeline in
                let foreign: [[UInt8]?] = [
                    [], nil, Array("{\"no\":\"task\"}".utf8), [0xff, 0xff],
                    [UInt8](repeating: 9, count: (1 << 20) - 100),
                ]
                _ = try await pipeline.log.append(
                    foreign.map {
                        AppendRequest(
                            topic: pipeline.layout.tasks, partitioning: .partition(0),
                            record: LogRecord(key: [1], value: $0, headers: [LogHeader("their", [0xff])]))
                    })
                try await accept(pipeline, [try pipeline.draft("a", [1], to: .url(ByteText(server.url)))])
                let results = try await pipeline.run { try await pipeline.results(1) }
                #expect(results[0].status == "succeeded", "the partition continues")
                let letters = try await pipeline.deadLetters()
                #expect(letters.map(\.stored.record.value) == foreign)
                #expect(
                    letters.allSatisfy {
                        $0.failure == "malformed" && $0.stored.record.header("their")?.value == [0xff]
                    })
                let audit = try await pipeline.audit()
                #expect(audit.isClean && audit.malformed == 5)
            }
        }
    }

    @Test func changedOrMissingSourceFailsPermanently() async throws {
        try await withServer({ _ in .store() }) { server in
            try await withPipeline { pipeline in
                let drafts = try ["gone", "grown", "folder"].map {
                    try pipeline.draft($0, [1, 2], to: .url(ByteText(server.url)))
                }
                try await accept(pipeline, drafts)
                let source = pipeline.folder + "/source/"
                try FileManager.default.removeItem(atPath: source + "gone")
                try Data([1, 2, 3]).write(to: URL(fileURLWithPath: source + "grown"))
                try FileManager.default.removeItem(atPath: source + "folder")
                try FileManager.default.createDirectory(atPath: source + "folder", withIntermediateDirectories: true)
                let results = try await pipeline.run { try await pipeline.results(3) }
                let kinds = Dictionary(results.map { ($0.key, $0.failure?.kind ?? "") }) { first, _ in first }
                #expect(kinds == ["gone": "source-gone", "grown": "source-changed", "folder": "source-changed"])
                #expect(server.requests.isEmpty)
            }
        }
    }

    @Test func unavailableRootIsAwaitedWithoutAttempts() async throws {
        try await withServer({ _ in .store() }) { server in
            try await withPipeline { pipeline in
                try await accept(pipeline, [try pipeline.draft("a", [1], to: .url(ByteText(server.url)))])
                let source = pipeline.folder + "/source"
                try FileManager.default.moveItem(atPath: source, toPath: source + ".away")
                let results = try await pipeline.run {
                    // Long enough for several checks of the root.
                    try await Task.sleep(for: .milliseconds(1_000))
                    #expect(try await pipeline.allResults().isEmpty)
                    try FileManager.default.moveItem(atPath: source + ".away", toPath: source)
                    return try await pipeline.results(1)
                }
                #expect(results[0].status == "succeeded" && results[0].attempts == 1)
            }
        }
    }

    @Test func deadlineExpiresTask() async throws {
        try await withServer({ _ in .status(500) }) { server in
            try await withPipeline { pipeline in
                let now = pipeline.clock.now
                try await accept(
                    pipeline,
                    [
                        try pipeline.draft("past", [1], to: .url(ByteText(server.url)), deadline: now),
                        try pipeline.draft(
                            "soon", [1], to: .url(ByteText(server.url)), deadline: now + .milliseconds(60)),
                    ])
                let results = try await pipeline.run { try await pipeline.results(2) }
                #expect(results.allSatisfy { $0.status == "expired" })
                #expect(!server.requests.contains { $0.target == "/past" })
            }
        }
    }

    /// Versions of one key are uploaded in order of acceptance, one at a time; a failing one blocks only its key.
    @Test func orderByKeySerializesUploads() async throws {
        let running = Mutex<[String: Int]>([:])
        try await withServer({ request in
            running.withLock { $0[request.target, default: 0] += 1 }
            return request.target == "/hot" && request.earlier == 0 ? .status(500) : .slow(0.01)
        }) { server in
            let destination = Destination(HTTPDestination(url: server.url), order: .key)
            try await withPipeline(destinations: ["ordered": destination]) { pipeline in
                var drafts: [TaskDraft] = []
                for version in 0..<10 {
                    drafts.append(
                        try pipeline.draft(
                            "v\(version)", Array("version \(version)".utf8), to: .named("ordered"), key: "hot"))
                }
                for other in 0..<20 { drafts.append(try pipeline.draft("o\(other)", [1], to: .named("ordered"))) }
                try await accept(pipeline, drafts)
                let results = try await pipeline.run { try await pipeline.results(30) }
                #expect(results.allSatisfy { $0.status == "succeeded" })
                #expect(server.objects["hot"] == Array("version 9".utf8))
                let hot = try await pipeline.records(pipeline.layout.outcomes).count
                #expect(hot >= 30)
                let order = results.filter { $0.key == "hot" }.sorted { $0.finishedAt < $1.finishedAt }
                #expect(order.count == 10 && order[0].attempts == 2)
                #expect(server.requests.filter { $0.target == "/hot" }.count == 11)
            }
        }
    }

    @Test func cleanStopSpendsNoAttempt() async throws {
        try await withServer({ $0.earlier == 0 ? .stall(30) : .store() }) { server in
            try await withPipeline { pipeline in
                try await accept(pipeline, [try pipeline.draft("a", [1], to: .url(ByteText(server.url)))])
                try await pipeline.run(markAfter: .milliseconds(50), grace: .milliseconds(100)) {
                    while try await !pipeline.outcomes().contains(where: { $0.kind == .started }) {
                        try await Task.sleep(for: .milliseconds(10))
                    }
                }
                #expect(try await pipeline.outcomes().map(\.kind) == [.started, .released])
                let results = try await pipeline.run { try await pipeline.results(1) }
                #expect(results[0].status == "succeeded" && results[0].attempts == 1 && results[0].crashes == 0)
            }
        }
    }

    /// A worker that dies leaves its mark in the log; the next one counts the crash and spends no attempt on it.
    @Test func inFlightMarkCountsCrash() async throws {
        try await withServer({ _ in .store() }) { server in
            try await withPipeline { pipeline in
                try await accept(pipeline, [try pipeline.draft("a", [1], to: .url(ByteText(server.url)))])
                let stored = try #require(try await pipeline.records(pipeline.layout.tasks).first)
                let task = try TaskCodec.decode(stored.record.value)
                let mark = Checkpoint(
                    task: TaskGeneration(identity: task.identity, generation: 0), isInFlight: true,
                    progress: TaskProgress(crashes: 1))
                let place = stored.position.partition
                _ = try await pipeline.log.append([
                    AppendRequest(
                        topic: pipeline.layout.checkpoints, partitioning: .partition(place.partition),
                        record: LogRecord(
                            key: Array("\(place.topic)/\(place.partition)/\(stored.position.offset)".utf8),
                            value: try CheckpointCodec.encode(mark)))
                ])
                let results = try await pipeline.run { try await pipeline.results(1) }
                #expect(results[0].attempts == 1 && results[0].crashes == 2)
                let last = try await pipeline.records(pipeline.layout.checkpoints).last
                #expect(last?.record.value == nil, "the mark is deleted with the task")
            }
        }
    }

    @Test func largeFileIsRetriedInLargeLane() async throws {
        try await withServer({ $0.earlier == 0 ? .status(500) : .store() }) { server in
            let policy = RetryPolicy(
                tiers: [.milliseconds(100)], maxAttempts: 3, jitter: Ratio(clamping: 0), parkDelay: .milliseconds(200))
            try await withPipeline(policy: policy, largeThreshold: 1_000) { pipeline in
                let large = [UInt8](repeating: 1, count: 2_000)
                try await accept(pipeline, [try pipeline.draft("large", large, to: .url(ByteText(server.url)))])
                #expect(try await pipeline.records(pipeline.layout.largeTasks).count == 1)
                let results = try await pipeline.run(largeThreshold: 1_000) { try await pipeline.results(1) }
                #expect(results[0].status == "succeeded" && results[0].attempts == 2)
                #expect(try await pipeline.records(pipeline.layout.largeTasks).count == 2)
                let audit = try await pipeline.audit()
                #expect(audit.isClean && audit.accepted == 1)
            }
        }
    }

    @Test func waitsBeyondMemoryLimitUseRetryTopics() async throws {
        try await withServer({ $0.earlier == 0 ? .status(500) : .store() }) { server in
            try await withPipeline(
                policy: RetryPolicy(
                    tiers: [.milliseconds(200)], maxAttempts: 3, jitter: Ratio(clamping: 0.5),
                    parkDelay: .milliseconds(100), breakerFailures: 1_000)
            ) {
                pipeline in
                let drafts = try (0..<60).map { try pipeline.draft("\($0)", [1], to: .url(ByteText(server.url))) }
                try await accept(pipeline, drafts)
                let results = try await pipeline.run(memoryWaits: 2) { try await pipeline.results(60) }
                #expect(results.allSatisfy { $0.status == "succeeded" && $0.attempts == 2 })
                #expect(try await pipeline.audit().isClean)
            }
        }
    }

    @Test func uploadToFolderDestination() async throws {
        try await withTemporaryFolder { target in
            let destination = Destination(FolderDestination(path: target, readsBack: true))
            try await withPipeline(destinations: ["nas": destination]) { pipeline in
                let bytes = [UInt8](repeating: 3, count: 700_000)
                try await accept(
                    pipeline,
                    [
                        try pipeline.draft("a/b", bytes, to: .named("nas")),
                        try pipeline.draft("c", [], to: .named("nas")),
                        try pipeline.draft("d", Array("small".utf8), to: .named("nas")),
                    ])
                let results = try await pipeline.run { try await pipeline.results(3) }
                #expect(results.allSatisfy { $0.status == "succeeded" && $0.verification == "read-back" })
                #expect(results.allSatisfy { $0.bytesSent == $0.bytes && $0.bytesResumed == 0 })
                #expect(try Data(contentsOf: URL(fileURLWithPath: target + "/a/b")) == Data(bytes))
            }
        }
    }

    /// No spelling of a private address is connected to. A redirect to one is not followed.
    @Test func egressPolicyHoldsForEveryAddressSpelling() async throws {
        try await withServer({ _ in .store() }) { server in
            try await withPipeline { pipeline in
                let port = server.port
                let hosts = [
                    "127.0.0.1", "127.1", "0x7f000001", "2130706433", "017700000001", "0177.0.0.1", "localhost",
                    "LocalHost", "[::ffff:127.0.0.1]", "[::1]", "[::ffff:7f00:1]", "0.0.0.0", "[::]", "0",
                    "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "169.254.169.254", "10.1",
                ]
                let drafts = try hosts.enumerated().map { number, host in
                    try pipeline.draft("\(number)", [1], to: .url("http://\(host):\(port)/"))
                }
                try await accept(pipeline, drafts)
                let results = try await pipeline.run(egress: .publicOnly) {
                    try await pipeline.results(hosts.count)
                }
                for result in results {
                    #expect(
                        result.failure?.kind == "egress-refused",
                        "\(result.destination): \(String(describing: result.failure))")
                }
                #expect(server.connectionCount == 0)
            }
        }
        // The redirecting server is reached; the target of the redirect is not.
        try await withServer({ _ in .store() }) { target in
            try await withServer({ _ in .status(302, headers: ["Location": target.url]) }) { server in
                try await withPipeline { pipeline in
                    try await accept(pipeline, [try pipeline.draft("a", [1], to: .url(ByteText(server.url)))])
                    let result = try await pipeline.run { try await pipeline.results(1) }[0]
                    #expect(result.failure?.kind == "permanent" && result.failure?.httpStatus == 302)
                    #expect(target.connectionCount == 0 && server.connectionCount == 1)
                }
            }
        }
    }

    /// An invalid URL is refused before it becomes a task.
    @Test(arguments: [
        ("gopher://127.0.0.1/", "bad-url"), ("file:///etc/passwd", "bad-url"), ("ftp://h/", "bad-url"),
        ("http://user@h/", "url-user-info"), ("http://user:pass@h/", "url-user-info"),
        ("http://h/?X-Amz-Signature=1", "url-query"),
        ("http://h/#x", "url-query"), ("http://h\r\nX: y/", "bad-url"), ("http://h\\@127.0.0.1/", "bad-url"),
        ("http://", "bad-url"), ("http:///x", "bad-url"),
    ])
    func invalidDestinationURLIsRejected(_ url: String, _ code: String) async throws {
        try await withPipeline { pipeline in
            let answers = try await pipeline.ingest.accept([try pipeline.draft("a", [1], to: .url(ByteText(url)))])
            guard case .rejected(let violation) = answers[0] else { Issue.record("\(answers)"); return }
            #expect(violation.code == code)
        }
    }

    /// The record may be of any writer: the worker asks what the tenant may name before it opens the file.
    @Test func workerHoldsRecordsToTheTenantsRules() async throws {
        try await withServer({ _ in .store() }) { server in
            let rules = TenantRules([.init("t", roots: .only(["other"]))])
            try await withPipeline(tenants: rules) { pipeline in
                try await accept(pipeline, [try pipeline.draft("a", [1], to: .url(ByteText(server.url)))])
                let results = try await pipeline.run { try await pipeline.results(1) }
                #expect(results.map(\.failure?.kind) == ["permanent"])
                #expect(results.first?.failure?.message.contains("root") == true)
                #expect(server.connectionCount == 0)
            }
        }
    }

    @Test func forbiddenAddressFails() async throws {
        try await withServer({ _ in .store() }) { server in
            try await withPipeline { pipeline in
                try await accept(pipeline, [try pipeline.draft("b", [1], to: .url(ByteText(server.url)))])
                let results = try await pipeline.run(egress: .publicOnly) { try await pipeline.results(1) }
                #expect(results.map(\.failure?.kind) == ["egress-refused"])
                #expect(server.connectionCount == 0)
            }
        }
    }

    /// A fleet's configuration does not reach all of its workers at once: what one of them does not know waits until it
    /// does, and that costs no attempt.
    @Test(.timeLimit(.minutes(2))) func unknownDestinationAndRootWait() async throws {
        try await withTemporaryFolder { folder in
            do {
                let pipeline = try await Pipeline(folder: folder)
                var strange = try pipeline.draft("b", [1], to: .named("later"))
                strange.source.root = "elsewhere"
                try await accept(pipeline, [try pipeline.draft("a", [1], to: .named("later")), strange])
                try await pipeline.run {
                    while try await pipeline.outcomes().isEmpty { try await Task.sleep(for: .milliseconds(20)) }
                    // Time for more probes than a task has attempts.
                    try await Task.sleep(for: .seconds(2))
                }
                let outcomes = try await pipeline.outcomes().filter { $0.kind == .retrying }
                #expect(Set(outcomes.map(\.failure?.kind)) == [.destinationUnknown])
                #expect(outcomes.count <= 2, "waiting writes nothing")
                #expect(outcomes.allSatisfy { $0.attempts == 0 })
                #expect(try await pipeline.deadLetters().isEmpty)
                await pipeline.close()
            }
            let server = try StubServer { _ in .store() }
            defer { server.close() }
            let later = Destination(HTTPDestination(url: server.url))
            let pipeline = try await Pipeline(folder: folder, destinations: ["later": later])
            let results = try await pipeline.run { () in
                let results = try await pipeline.results(1)
                while try await !pipeline.outcomes().contains(where: { $0.failure?.kind == .rootUnavailable }) {
                    try await Task.sleep(for: .milliseconds(20))
                }
                return results
            }
            #expect(results.map(\.status) == ["succeeded"] && results.map(\.attempts) == [1])
            #expect(try await pipeline.deadLetters().isEmpty)
            await pipeline.close()
        }
    }
}
