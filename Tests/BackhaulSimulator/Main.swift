import ArgumentParser
import BackhaulSimulatorKit
import Foundation

@main
struct Main: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backhaul-simulator", abstract: "Runs simulated fleets, one seed after another.")

    @Option(help: "Number of seeds.")
    var runs = 1_000
    @Option(help: "The first seed.")
    var seed: UInt64 = 0
    @Option(help: "Seconds after which no further run starts; 0 for no limit.")
    var seconds = 0
    @Option(help: "Plant this bug; 'all' plants each in turn, and each must be found.")
    var bug: String?
    @Flag(help: "Print what happens.")
    var story = false

    func run() throws {
        guard let bug else { return try search() }
        let bugs = bug == "all" ? Sabotage.allCases : Sabotage(rawValue: bug).map { [$0] } ?? []
        guard !bugs.isEmpty else {
            throw ValidationError(
                "--bug must be 'all' or one of \(Sabotage.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        var missed = 0
        for bug in bugs {
            var found: (UInt64, String)?
            for seed in seed..<seed + UInt64(clamping: runs) {
                var simulation = Simulation(seed: seed, sabotage: bug)
                if let problem = simulation.run().first {
                    found = (seed, problem)
                    break
                }
            }
            if let (seed, problem) = found {
                print("\(bug.rawValue): found after \(seed - self.seed + 1) schedules: \(problem)")
            } else {
                missed += 1
                print("\(bug.rawValue): NOT FOUND in \(runs) schedules")
            }
        }
        if missed > 0 { throw ExitCode.failure }
    }

    private func search() throws {
        let start = ContinuousClock.now
        var count = 0
        for seed in seed..<seed + UInt64(clamping: runs) {
            if seconds > 0, ContinuousClock.now - start > .seconds(seconds) { break }
            var simulation = Simulation(seed: seed, keepsStory: story)
            let problems = simulation.run()
            count += 1
            if story { for line in simulation.story { print(line) } }
            guard problems.isEmpty else {
                for problem in problems { print("FAILED \(problem)") }
                throw ExitCode.failure
            }
        }
        print("\(count) schedules are right, \(ContinuousClock.now - start)")
    }
}
