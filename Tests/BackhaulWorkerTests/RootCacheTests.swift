import BackhaulDestinations
import BackhaulDomain
import BackhaulFiles
import BackhaulTestKit
import BackhaulTransfer
import BackhaulUnits
import BackhaulWorker
import Foundation
import Testing

@Suite("Root cache")
struct RootCacheTests {
    private func task(_ folder: String, _ tree: String) throws -> UploadTask {
        var status = stat()
        guard stat("\(folder)/\(tree)/f", &status) == 0 else { throw CocoaError(.fileNoSuchFile) }
        return UploadTask(
            identity: TaskIdentity(tenant: "t", id: ByteText(tree)), batch: "",
            source: SourceReference(root: "r", path: "f"),
            destination: DestinationReference(target: .named("out"), key: ByteText(tree)),
            size: ByteCount(clamping: status.st_size),
            modifiedAt: FileTime(seconds: status.st_mtim.tv_sec, nanoseconds: status.st_mtim.tv_nsec), acceptedAt: 1)
    }

    /// The path switches to another tree within the second for which the first stays open: files there do not count
    /// as changed.
    @Test func replacedRootIsReopened() async throws {
        try await withTemporaryFolder { folder in
            for (tree, text) in [("a", "old"), ("b", "the new one")] {
                try FileManager.default.createDirectory(atPath: "\(folder)/\(tree)", withIntermediateDirectories: true)
                try Data(text.utf8).write(to: URL(fileURLWithPath: "\(folder)/\(tree)/f"))
            }
            try FileManager.default.createDirectory(atPath: folder + "/out", withIntermediateDirectories: true)
            try FileManager.default.createSymbolicLink(
                atPath: folder + "/now", withDestinationPath: folder + "/a")
            let pool = ReaderPool()
            let engine = try TransferEngine(limits: .standard, egress: .privateNetworks, pool: pool)
            let table = DestinationTable(
                ["out": Destination(FolderDestination(path: folder + "/out"))], allowsURLs: false)
            let execution = UploadExecution(
                destinations: LiveDestinations(table),
                roots: SourceRoots(
                    configured: ["r": .init(path: folder + "/now")], registry: nil, takesRegistered: false),
                runner: DialectRunner(engine: engine, pool: pool) { .earliest })
            #expect(try await execution.attempt(task(folder, "a")).size == 3)
            #expect(symlink(folder + "/b", folder + "/next") == 0)
            #expect(rename(folder + "/next", folder + "/now") == 0)
            #expect(try await execution.attempt(task(folder, "b")).size == 11)
            let old = try task(folder, "a")
            let failure = await #expect(throws: Failure.self) { try await execution.attempt(old) }
            #expect(failure?.kind == .sourceChanged)
            await engine.close()
        }
    }
}
