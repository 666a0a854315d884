import BackhaulDestinations
import BackhaulDomain
import BackhaulIngest
import BackhaulPipelineKit
import BackhaulRecords
import BackhaulTestKit
import Foundation
import Testing

@Suite("Drop destination")
struct DropTests {
    /// Nothing is read and nothing is stored, and the results say so.
    @Test func dropDestinationSucceedsWithoutReadingFile() async throws {
        try await withPipeline(destinations: ["nowhere": Destination(DropDestination())]) { pipeline in
            let draft = try pipeline.draft("a", [1, 2, 3], to: .named("nowhere"))
            try FileManager.default.removeItem(atPath: pipeline.folder + "/source/a")
            _ = try await pipeline.ingest.accept([draft])
            let results = try await pipeline.run { try await pipeline.results(1) }
            let result = try #require(results.first)
            #expect(result.status == "succeeded" && result.verification == "none")
            #expect(result.sha256 == nil && result.bytes == 0 && result.attempts == 1)
        }
    }
}
