import BackhaulLog
import BackhaulPipelineKit
import BackhaulSQLite
import BackhaulTestKit
import BackhaulView
import Foundation
import GRDB
import Logging
import Testing

/// What people read when SQLite cannot go on is not SQLite's text.
@Suite("Database failures")
struct DatabaseFailureTests {
    private func failure(_ body: () throws -> Void) -> DatabaseFailure? {
        do {
            try body()
            return nil
        } catch {
            return DatabaseFailure.of(error, "the view /v", folder: "/tmp", advice: "delete it") as? DatabaseFailure
        }
    }

    @Test func fullDiskIsNamed() async throws {
        try await withTemporaryFolder { folder in
            let queue = try DatabaseQueue(path: folder + "/a.sqlite")
            let full = try #require(
                failure {
                    try queue.write { database in
                        try database.execute(sql: "PRAGMA max_page_count = 2; CREATE TABLE t(x)")
                        for _ in 0..<100 { try database.execute(sql: "INSERT INTO t VALUES (randomblob(4000))") }
                    }
                })
            #expect(full.isFull && full.description.contains("needs space") && full.description.contains("/tmp"))
            try Data(repeating: 7, count: 10_000).write(to: URL(fileURLWithPath: folder + "/b.sqlite"))
            let damaged = try #require(
                failure {
                    try DatabaseQueue(path: folder + "/b.sqlite").write { try $0.execute(sql: "CREATE TABLE t(x)") }
                })
            #expect(!damaged.isFull && damaged.description == "the view /v is damaged; delete it")
            for found in [full, damaged] { #expect(!found.description.contains("SQLite error")) }
            struct Other: Error {}
            #expect(DatabaseFailure.of(Other(), "x", folder: "/", advice: "") is Other)
        }
    }

    /// A view that cannot be opened, and one that stops to answer, say so in the same words.
    @Test func viewsTellTheirFailuresSo() async throws {
        try await withPipeline { pipeline in
            func open(_ path: String) throws -> StatusView {
                try StatusView(
                    path: path, log: pipeline.log, layout: pipeline.layout, holdsTruncation: false,
                    logger: Logger(label: "test"))
            }
            #expect(throws: DatabaseFailure.self) { try open("/dev/null/none/view.sqlite") }
            try await withTemporaryFolder { folder in
                let view = try open(folder + "/view.sqlite")
                try await view.catchUp()
                try view.close()
                await #expect(throws: DatabaseFailure.self) { try await view.counts(batch: nil, tenant: nil) }
            }
        }
    }
}
