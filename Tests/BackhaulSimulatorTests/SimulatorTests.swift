import BackhaulSimulatorKit
import Testing

@Suite("Simulated fleets")
struct SimulatorTests {
    @Test(arguments: 0..<20)
    func everyScheduleEndsRight(block: UInt64) {
        for seed in block * 10..<block * 10 + 10 {
            var simulation = Simulation(seed: seed)
            #expect(simulation.run() == [])
        }
    }

    /// Each bug that is planted between a machine and its surroundings is found within 10,000 schedules.
    @Test(arguments: Sabotage.allCases) func plantedBugIsFound(_ bug: Sabotage) {
        for seed in 0..<10_000 as Range<UInt64> {
            var simulation = Simulation(seed: seed, sabotage: bug)
            if !simulation.run().isEmpty { return }
        }
        Issue.record("\(bug) is not found")
    }
}
