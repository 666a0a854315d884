import BackhaulDomain
import BackhaulTestKit
import BackhaulUnits

/// The size of a simulated fleet and its limits, drawn from the seed.
struct SimulationShape {
    var partitions: Int
    var workers: Int
    var tasks: Int
    var places: Int
    var roots: Int
    var tenants: Int
    var uploads: Int
    var memoryWaits: Int
    var heldTasks: Int
    var policy: RetryPolicy
    /// Whether tasks kill the workers that try them, and are tried by others.
    var hasPoison: Bool
    var steps: Int

    init(_ numbers: inout SeededNumbers) {
        partitions = .random(in: 1...3, using: &numbers)
        workers = .random(in: 1...3, using: &numbers)
        tasks = .random(in: 3...30, using: &numbers)
        places = .random(in: 1...3, using: &numbers)
        roots = .random(in: 1...2, using: &numbers)
        tenants = .random(in: 1...2, using: &numbers)
        uploads = .random(in: 1...5, using: &numbers)
        memoryWaits = .random(in: 0...12, using: &numbers)
        heldTasks = .random(in: 4...40, using: &numbers)
        policy = RetryPolicy(
            tiers: [.seconds(10), .seconds(60), .seconds(600)], maxAttempts: .random(in: 1...4, using: &numbers),
            jitter: Ratio(clamping: 0.1), parkDelay: .seconds(60), maxCrashes: .random(in: 2...4, using: &numbers),
            breakerFailures: .random(in: 2...6, using: &numbers))
        hasPoison = Int.random(in: 0..<4, using: &numbers) == 0
        steps = .random(in: 100...500, using: &numbers)
    }
}
