import BackhaulAudit
import BackhaulDestinations
import BackhaulDomain
import BackhaulIngest
import BackhaulPipelineKit
import BackhaulRecords
import BackhaulTestKit
import BackhaulTransfer
import BackhaulUnits
import Foundation
import Synchronization
import Testing

@Suite("Uploads in parts")
struct PartsTests {
    private static let partSize = 100_000
    private static let content = (0..<250_000).map { UInt8(truncatingIfNeeded: $0 / 7) }

    private static func part(_ number: Int) -> [UInt8] {
        Array(content.dropFirst((number - 1) * partSize).prefix(partSize))
    }

    private static func tag(_ number: Int) -> String { "\"\(Hex.encode(ChecksumKind.md5.of(part(number))))\"" }

    /// A store with one upload; `answer` may say something else first.
    private func withStore(
        _ answer: @escaping @Sendable (StubRequest) -> StubAnswer?,
        _ body: (StubServer, [ByteText: Destination]) async throws -> Void
    ) async throws {
        let parts = Mutex<Set<Int>>([])
        let server = try StubServer { request in
            if let other = answer(request) { return other }
            let query = Dictionary(
                (URLComponents(string: request.target)?.queryItems ?? []).map { ($0.name, $0.value ?? "") }
            ) { first, _ in first }
            if query["uploads"] != nil { return .status(200, body: "<A><UploadId>u1</UploadId></A>") }
            if let number = query["partNumber"].flatMap({ Int($0) }) {
                parts.withLock { _ = $0.insert(number) }
                return .store(headers: ["ETag": Self.tag(number)])
            }
            if request.method == "DELETE" { return .status(204) }
            if request.method == "POST" { return .status(200, body: "<A><ETag>x</ETag></A>") }
            let list = parts.withLock { $0.sorted() }.map { number in
                "<Part><PartNumber>\(number)</PartNumber><ETag>\(Self.tag(number))</ETag>"
                    + "<Size>\(Self.part(number).count)</Size></Part>"
            }
            return .status(200, body: "<A><IsTruncated>false</IsTruncated>\(list.joined())</A>")
        }
        defer { server.close() }
        let store = S3Destination(
            endpoint: S3Endpoint(url: server.url, bucket: "b", addressing: .path), bucket: "b",
            credentials: S3Credentials(accessKey: "A", secretKey: Secret("S")),
            partSize: ByteCount(clamping: Self.partSize), parallelParts: 1)
        try await body(server, ["store": Destination(store)])
    }

    private func count(_ server: StubServer, _ method: String, _ text: String) -> Int {
        server.requests.count { $0.method == method && $0.target.contains(text) }
    }

    /// A worker stops in the middle of the last part: the next one sends that part alone.
    @Test(.timeLimit(.minutes(4))) func anotherWorkerGoesOn() async throws {
        try await withStore({ $0.target.contains("partNumber=3") && $0.earlier == 0 ? .stall(30) : nil }) {
            server, destinations in
            try await withPipeline(destinations: destinations) { pipeline in
                let draft = try pipeline.draft("a", Self.content, to: .named("store"))
                _ = try await pipeline.ingest.accept([draft])
                try await pipeline.run(grace: .milliseconds(100)) {
                    while count(server, "PUT", "partNumber=3") == 0 { try await Task.sleep(for: .milliseconds(10)) }
                }
                #expect(try await pipeline.allResults().isEmpty)
                let results = try await pipeline.run { try await pipeline.results(1) }
                #expect(results.map(\.status) == ["succeeded"])
                #expect(results.first?.sha256 == PartDigest.sha256(of: Self.content))
                #expect(count(server, "POST", "uploads=") == 1)
                #expect((1...3).map { count(server, "PUT", "partNumber=\($0)&") } == [1, 1, 2])
                #expect(try await pipeline.audit().verdict == .proven)
            }
        }
    }

    /// A failed attempt waits in a retry topic, and its parts with it; a task that fails for good leaves no upload.
    @Test(.timeLimit(.minutes(4))) func partsOutliveARetryAndEndWithTheTask() async throws {
        try await withStore({ request in
            if request.target.contains("partNumber=2"), request.earlier == 0 { return .status(500) }
            return request.method == "POST" && request.target.contains("uploadId") ? .status(422) : nil
        }) { server, destinations in
            try await withPipeline(destinations: destinations) { pipeline in
                _ = try await pipeline.ingest.accept([try pipeline.draft("a", Self.content, to: .named("store"))])
                let results = try await pipeline.run {
                    let results = try await pipeline.results(1)
                    while count(server, "DELETE", "uploadId=u1") == 0 { try await Task.sleep(for: .milliseconds(10)) }
                    return results
                }
                #expect(results.map(\.status) == ["failed"])
                #expect((1...3).map { count(server, "PUT", "partNumber=\($0)&") } == [1, 2, 1])
                #expect(count(server, "POST", "uploads=") == 1)
                let letters = try await pipeline.deadLetters()
                #expect(letters.first?.progress.uploadState.isEmpty == true)
            }
        }
    }
}
