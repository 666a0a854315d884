import BackhaulTestKit
import Foundation
import Testing

/// What operators of Kubernetes apply is what the program wants.
@Suite("Manifest")
struct ManifestTests {
    @Test func topicsAndRightsAreThoseOfTheProgram() async throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let base = root.appendingPathComponent("deploy/kubernetes/base")
        let outcome = try await Command.result([
            "topics", "manifest", "--config", base.appendingPathComponent("fleet/backhaul.yaml").path,
        ])
        #expect(outcome.code == 0, "\(outcome.errors)")
        let text = try String(contentsOf: base.appendingPathComponent("kafka/topics.yaml"), encoding: .utf8)
        let written = text.split(separator: "\n", maxSplits: 1).last.map(String.init)
        #expect(
            written == outcome.output, "run deploy/kubernetes/generate.py --backhaul PROGRAM, and commit what it writes"
        )
    }

    /// Strimzi takes lower-case names only, and no underscore; the topic keeps its own.
    @Test func resourcesHaveNamesThatKubernetesTakes() async throws {
        try await withTemporaryFolder { folder in
            let config = folder + "/c.yaml"
            try Data("topics: { prefix: My_Fleet. }\n".utf8).write(to: URL(fileURLWithPath: config))
            let outcome = try await Command.result(["topics", "manifest", "--cluster", "c", "--config", config])
            for line in ["name: my-fleet.tasks", "topicName: My_Fleet.tasks", "strimzi.io/cluster: c"] {
                #expect(outcome.output.contains("  \(line)\n"), "\(line)")
            }
        }
    }
}
