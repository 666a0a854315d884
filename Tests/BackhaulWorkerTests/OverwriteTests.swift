import BackhaulAudit
import BackhaulDestinations
import BackhaulDomain
import BackhaulFiles
import BackhaulIngest
import BackhaulLog
import BackhaulPipelineKit
import BackhaulRecords
import BackhaulTestKit
import BackhaulTransfer
import BackhaulUnits
import Foundation
import Synchronization
import Testing

/// Two cameras with a file of one name: what a destination's `overwrite` makes of it, on a folder and by HTTP.
@Suite("Overwrite policies")
struct OverwriteTests {
    private struct Case: Sendable {
        var policy: OverwritePolicy
        /// Whether the second file has its result `succeeded`.
        var succeeds: Bool
        /// The content under the key, and whether a second name holds the other one.
        var kept: UInt8
        var hasSecond: Bool
        var verdict: AuditReport.Verdict
    }

    private static let cases = [
        Case(policy: .replace, succeeds: true, kept: 2, hasSecond: false, verdict: .loss),
        Case(policy: .skipIfSame, succeeds: true, kept: 2, hasSecond: false, verdict: .loss),
        Case(policy: .keepBoth, succeeds: true, kept: 1, hasSecond: true, verdict: .proven),
        Case(policy: .fail, succeeds: false, kept: 1, hasSecond: false, verdict: .proven),
    ]

    private func check(
        _ wanted: Case, _ destination: Destination, objects: @escaping @Sendable () -> [String: [UInt8]]
    ) async throws {
        var destination = destination
        destination.overwrite = wanted.policy
        try await withPipeline(destinations: ["nas": destination]) { pipeline in
            // Longer than what is loaded whole, so that the file is hashed.
            let contents = [1, 2].map { [UInt8](repeating: $0, count: 200_000) }
            for (number, bytes) in contents.enumerated() {
                _ = try await pipeline.ingest.accept([
                    try pipeline.draft(
                        "cam\(number)", bytes, to: .named("nas"), key: "IMG 1.JPG", id: ByteText("\(number)"))
                ])
                _ = try await pipeline.run { try await pipeline.results(number + 1) }
                // Accepted at another millisecond.
                try await Task.sleep(for: .milliseconds(5))
            }
            // The first one again: the equal object is left as it is.
            let results = try await pipeline.records(pipeline.layout.results).map { try ResultRecord.read($0.record) }
            let second = try #require(results.first { $0.taskId == "1" })
            #expect((second.status == "succeeded") == wanted.succeeds)
            #expect(second.failure?.kind == (wanted.succeeds ? nil : "key-taken"))
            let stored = objects()
            #expect(stored["IMG 1.JPG"]?.first == wanted.kept)
            #expect(stored.count == (wanted.hasSecond ? 2 : 1), "\(stored.keys)")
            if wanted.hasSecond {
                #expect(stored[second.key.text]?.first == 2)
                #expect(second.key != "IMG 1.JPG")
            }
            #expect(try await verdict(pipeline) == wanted.verdict)
        }
    }

    private func verdict(_ pipeline: Pipeline) async throws -> AuditReport.Verdict {
        let database = try AuditDatabase()
        var report = try await Audit(log: pipeline.log, layout: pipeline.layout, database: database).run()
        let pool = ReaderPool()
        let engine = try TransferEngine(limits: .standard, egress: .privateNetworks, pool: pool)
        try await ObjectAudit(
            log: pipeline.log, layout: pipeline.layout, database: database, destinations: pipeline.destinations,
            runner: DialectRunner(engine: engine, pool: pool) { pipeline.clock.wall }
        ).run(&report)
        await engine.close()
        return report.verdict
    }

    @Test(arguments: 0..<4) func folderKeepsItsPolicy(_ number: Int) async throws {
        try await withTemporaryFolder { folder in
            try await check(Self.cases[number], Destination(FolderDestination(path: folder))) {
                let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
                return Dictionary(
                    uniqueKeysWithValues: names.filter { $0 != ".backhaul-tmp" }.map {
                        ($0, Array(FileManager.default.contents(atPath: folder + "/" + $0) ?? Data()))
                    })
            }
        }
    }

    /// With and without a server that knows If-None-Match; the files differ before the upload.
    @Test(arguments: 0..<4, [true, false]) func serverKeepsItsPolicy(_ number: Int, _ answersHead: Bool) async throws {
        let taken = Mutex<Set<String>>([])
        let server = try StubServer { request in
            switch request.method {
            case "PUT":
                let isFirst = taken.withLock { $0.insert(request.target).inserted }
                return request.headers["if-none-match"] == "*" && !isFirst ? .status(412) : .store()
            case "HEAD" where !answersHead: return .status(405)
            default: return taken.withLock { $0.contains(request.target) } ? .fetch : .status(404)
            }
        }
        defer { server.close() }
        try await check(Self.cases[number], Destination(HTTPDestination(url: server.url))) {
            Dictionary(
                uniqueKeysWithValues: server.objects.map { ($0.key.removingPercentEncoding ?? $0.key, $0.value) })
        }
        let wasConditional = server.requests.contains { $0.method == "PUT" && $0.headers["if-none-match"] == "*" }
        #expect(wasConditional == (Self.cases[number].policy != .replace))
    }

    /// An upload whose answer was lost finds its own object.
    @Test func lostAnswerIsNotAConflict() async throws {
        let server = try StubServer { request in
            guard request.method == "PUT" else { return request.earlier > 0 ? .fetch : .status(404) }
            // libcurl sends a request again whose reused connection ends without an answer.
            return request.earlier <= 1 ? .loseReply : .status(412)
        }
        defer { server.close() }
        let nas = Destination(HTTPDestination(url: server.url), overwrite: .fail)
        try await withPipeline(destinations: ["nas": nas]) { pipeline in
            _ = try await pipeline.ingest.accept([try pipeline.draft("a", [7], to: .named("nas"), id: "a")])
            _ = try await pipeline.run { try await pipeline.results(1) }
            let result = try await pipeline.records(pipeline.layout.results).map { try ResultRecord.read($0.record) }
            #expect(result.map(\.status) == ["succeeded"] && result.first?.verification == "read-back")
            #expect(server.requests.count { $0.method == "PUT" } <= 2)
        }
    }
}
