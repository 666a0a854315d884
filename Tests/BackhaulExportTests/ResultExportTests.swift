import BackhaulDomain
import BackhaulEmbedded
import BackhaulExport
import BackhaulLog
import BackhaulPipelineKit
import BackhaulRecords
import BackhaulTestKit
import BackhaulUnits
import CZstd
import Foundation
import Testing

@Suite("Result export")
struct ResultExportTests {
    private static let tenants = ["anna", "ben", "carl"]

    private func append(_ numbers: Range<Int>, to pipeline: Pipeline) async throws {
        for number in numbers {
            let task = TaskIdentity(tenant: ByteText(Self.tenants[number % 3]), id: ByteText("\(number)"))
            let outcome = Outcome(
                kind: .succeeded, task: TaskGeneration(identity: task, generation: 0), batch: "b",
                destination: DestinationReference(target: .named("nas"), key: "a \"quoted\" ä"), attempts: 1,
                crashes: 0,
                size: ByteCount(5), sha256: String(repeating: "ab", count: 32), verification: "http-2xx", worker: "w",
                acceptedAt: Timestamp(clamping: 0), startedAt: Timestamp(clamping: 0),
                finishedAt: Timestamp(clamping: Int64(number % 2) * 86_400_000))
            _ = try await pipeline.log.append([
                try ResultRecord.request(outcome, partition: number % 4, pipeline.layout)
            ])
        }
    }

    private func export(_ pipeline: Pipeline, _ folder: String, rows: Int = 7, skipsGone: Bool = false) -> ResultExport
    {
        ResultExport(
            log: pipeline.log, layout: pipeline.layout, folder: folder, source: "test", rows: rows,
            skipsGone: skipsGone, tenantClass: { $0 == "carl" ? "" : "gold" })
    }

    private func lines(_ folder: String) throws -> [[String: Any]] {
        try objects(folder).map { path, line in
            let tenant = try #require(line["tenant"] as? String)
            #expect(path.contains("tenant_class=\(tenant == "carl" ? "none" : "gold")/"))
            return line
        }
    }

    private func objects(_ folder: String) throws -> [(path: String, line: [String: Any])] {
        let found = try #require(FileManager.default.enumerator(atPath: folder)).compactMap { $0 as? String }
        return try found.filter { $0.hasSuffix(".zst") }.sorted().flatMap {
            path -> [(path: String, line: [String: Any])] in
            let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: folder + "/" + path)))
            var text = [UInt8](repeating: 0, count: 1 << 20)
            var index = 0
            var count = 0
            // A file may have several frames.
            while index < bytes.count {
                let size = bytes[index...].withUnsafeBytes { ZSTD_findFrameCompressedSize($0.baseAddress, $0.count) }
                #expect(ZSTD_isError(size) == 0)
                let length = bytes[index..<index + size].withUnsafeBytes { source in
                    text[count...].withUnsafeMutableBytes {
                        ZSTD_decompress($0.baseAddress, $0.count, source.baseAddress, source.count)
                    }
                }
                index += size
                count += length
            }
            return try text[..<count].split(separator: UInt8(ascii: "\n")).map { line in
                let object = try #require(try JSONSerialization.jsonObject(with: Data(line)) as? [String: Any])
                #expect(path.hasPrefix("day=\((object["finishedAt"] as? String ?? "").prefix(10))/"))
                return (path, object)
            }
        }
    }

    private struct Cut: Error {}

    /// An export that breaks anywhere goes on, and all files together have each result once.
    @Test(arguments: 0..<20) func eachResultIsExportedOnceThroughBreaks(_ seed: UInt64) async throws {
        try await withPipeline { pipeline in
            var random = SeededNumbers(seed: seed)
            let folder = pipeline.folder + "/export"
            var written = 0
            for _ in 0..<4 {
                let more = Int.random(in: 0...40, using: &random)
                try await append(written..<written + more, to: pipeline)
                written += more
                var left = Int.random(in: 0...6, using: &random)
                // The number of rows may differ between runs; a part that was begun keeps its bounds.
                let export = export(pipeline, folder, rows: Int.random(in: 1...20, using: &random))
                do {
                    _ = try await export.run { _ in
                        left -= 1
                        if left == 0 { throw Cut() }
                    }
                } catch is Cut {
                    continue
                }
            }
            _ = try await export(pipeline, folder).run()
            let again = try await export(pipeline, folder).run()
            #expect(again == ResultExport.Summary())
            let found = try lines(folder)
            let ids = found.compactMap { ($0["taskId"] as? String).flatMap { Int($0) } }
            #expect(ids.sorted() == Array(0..<written))
            #expect(Set(found.map { "\($0["partition"] ?? "")/\($0["offset"] ?? "")" }).count == written)
            #expect(found.allSatisfy { $0["key"] as? String == "a \"quoted\" ä" })
        }
    }

    /// The class of a tenant may be another by the time an interrupted part goes on.
    @Test func changedClassesExportNothingTwice() async throws {
        try await withPipeline { pipeline in
            try await append(0..<40, to: pipeline)
            let folder = pipeline.folder + "/export"
            for (number, name) in ["a", "b", "c", "d"].enumerated() {
                let export = ResultExport(
                    log: pipeline.log, layout: pipeline.layout, folder: folder, source: "test", rows: 5,
                    tenantClass: { _ in name })
                var left = number + 1
                _ = try? await export.run { _ in
                    left -= 1
                    if left == 0 { throw Cut() }
                }
            }
            let last = ResultExport(
                log: pipeline.log, layout: pipeline.layout, folder: folder, source: "test", tenantClass: { _ in "e" })
            _ = try await last.run()
            let ids = try objects(folder).compactMap { ($0.line["taskId"] as? String).flatMap { Int($0) } }
            #expect(ids.sorted() == Array(0..<40))
            let left = try #require(FileManager.default.enumerator(atPath: folder)).compactMap { $0 as? String }
            #expect(!left.contains { $0.hasSuffix(".tmp") })
        }
    }

    @Test func foldersOfOthersAreRefused() async throws {
        try await withPipeline { pipeline in
            try await append(0..<3, to: pipeline)
            let folder = pipeline.folder + "/export"
            _ = try await export(pipeline, folder).run()
            let other = ResultExport(
                log: pipeline.log, layout: pipeline.layout, folder: folder, source: "other", tenantClass: { _ in "" })
            await #expect(throws: ExportError.otherLog(folder: folder, was: "test")) { try await other.run() }
            try Data("{".utf8).write(to: URL(fileURLWithPath: folder + "/_state.json"))
            await #expect(throws: ExportError.state(folder + "/_state.json")) {
                try await export(pipeline, folder).run()
            }
            try Data(#"{"source":"test","partitions":{"0":{"next":5,"pending":2}}}"#.utf8)
                .write(to: URL(fileURLWithPath: folder + "/_state.json"))
            await #expect(throws: ExportError.state(folder + "/_state.json")) {
                try await export(pipeline, folder).run()
            }
        }
    }

    @Test func onlyOneExportsIntoAFolder() async throws {
        try await withPipeline { pipeline in
            try await append(0..<3, to: pipeline)
            let folder = pipeline.folder + "/export"
            _ = try await export(pipeline, folder).run { _ in
                await #expect(throws: ExportError.inUse(folder)) { try await export(pipeline, folder).run() }
            }
        }
    }
}
