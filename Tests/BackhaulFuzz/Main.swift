import ArgumentParser
import BackhaulFuzzKit
import Foundation

@main
struct Main: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backhaul-fuzz", abstract: "Sends hostile input through whole paths, one seed after another.")

    @Option(help: "Records per topic in a run.")
    var records = 20_000
    @Option(help: "Minutes after which no further run starts.")
    var minutes = 0
    @Option(help: "Seed of the first run; each later run adds 1. Random by default.")
    var seed: UInt64?

    func validate() throws {
        guard records > 0 else { throw ValidationError("--records must be at least 1") }
        guard (0...1_000_000).contains(minutes) else { throw ValidationError("--minutes must be 0 to 1000000") }
    }

    func run() async throws {
        let end = ContinuousClock.now + .seconds(60 * minutes)
        var seed = seed ?? UInt64.random(in: 0...999_999_999)
        repeat {
            let start = ContinuousClock.now
            do {
                let summary = try await FuzzRun(seed: seed, records: records).run()
                print(
                    "seed \(seed): \(summary.records.count) topics of \(records) records, \(summary.requests) requests, "
                        + "\(summary.malformed) malformed, \(summary.results) results, \(ContinuousClock.now - start)")
            } catch {
                print("FAILED \(error)")
                throw ExitCode.failure
            }
            seed &+= 1
        } while ContinuousClock.now < end
    }
}
