import BackhaulTestKit
import Foundation
import Testing

@Suite("Bench command")
struct BenchTests {
    @Test func benchMeasuresRunningSystem() async throws {
        try await withTemporaryFolder { folder in
            let config = folder + "/c.yaml"
            try Data("destinations: {nowhere: {type: drop}}\n".utf8).write(to: URL(fileURLWithPath: config))
            let log = "embedded://" + folder + "/data"
            let daemon = try Daemon(data: folder + "/data", config: config)
            let bench = ["bench", "--to", "nowhere", "--log", log, "--config", config, "--output", "json"]
            let poured = try await Command.result(bench + ["--tasks", "1200"])
            #expect(poured.code == 0, "\(poured)")
            let report = try #require(poured.objects.first)
            #expect(report["tasks"] as? Int == 1_200 && report["failed"] as? Int == 0)
            #expect((report["tasksPerSecond"] as? Double ?? 0) > 0)
            let samples = folder + "/samples"
            let paced = try await Command.result(bench + ["--tasks", "50", "--rate", "200", "--samples", samples])
            #expect(paced.code == 0, "\(paced)")
            let seconds = try #require(paced.objects.first?["acceptedSeconds"] as? Double)
            #expect(seconds >= 49.0 / 200, "no task is submitted before it is due")
            let times = try String(contentsOfFile: samples, encoding: .utf8).split(separator: "\n").compactMap {
                Int($0)
            }
            #expect(times.count == 50 && times.allSatisfy { $0 > 0 } && times == times.sorted())
            let acts = try await Command.result([
                "acts", "--act", "submit", "--log", log, "--config", config, "--output", "json",
            ])
            let ends = acts.objects.map { $0["outcome"] as? String }
            #expect(ends == ["begun", "done", "begun", "done"], "\(acts)")
            let audit = try await Command.result([
                "audit", "--verify", "--log", log, "--config", config, "--output", "json",
            ])
            #expect(audit.code == 0, "\(audit)")
            #expect(daemon.terminate() == 0)
        }
    }

    @Test func invalidBenchArgumentsExitTwo() async throws {
        for wrong in [
            ["--to", "nowhere"], ["--to", "http://h/", "--tasks", "0"], ["--to", "http://h/", "--rate", "-1"],
        ] {
            let outcome = try await Command.result(["bench", "--log", "embedded:///nowhere"] + wrong)
            #expect(outcome.code == 2, "\(outcome)")
        }
    }
}
