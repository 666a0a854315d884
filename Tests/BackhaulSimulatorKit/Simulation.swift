import BackhaulDomain
import BackhaulLog
import BackhaulRecords
import BackhaulTestKit
import BackhaulUnits
import BackhaulWorker

/// A fleet of lane machines on a model of the log, with destinations and source roots that fail in every way, crashes
/// between any two actions, partitions that change hands and clocks that jump. One seed decides everything.
///
/// In the end everything heals, and all tasks must end, each generation exactly once.
package struct Simulation {
    let seed: UInt64
    let sabotage: Sabotage?
    var numbers: SeededNumbers
    let shape: SimulationShape
    let layout = TopicLayout()
    let facts = SharedFacts()
    var log: SimulatedLog
    var now = Timestamp(clamping: 1_700_000_000_000)
    var skew = Duration.zero
    var places: [ByteText: SimulatedPlace] = [:]
    var roots: [ByteText: Bool] = [:]
    var workers: [SimulatedWorker] = []
    var started = 0
    var tasks: [UploadTask] = []
    var poison: Set<TaskIdentity> = []
    var stored: [TaskIdentity: Int] = [:]
    var crashes = 0
    /// The last number that attempts of a task were told to be saved.
    var saved: [TaskIdentity: UInt64] = [:]
    var saves: UInt64 = 0
    var isHealing = false
    /// What went wrong, in the order in which it was found.
    package private(set) var problems: [String] = []
    /// What happened, for a seed that fails.
    package var story: [String] { told.lines }
    private let told: Story
    /// Planted once for each run, at a random moment.
    var sabotages = 0

    package init(seed: UInt64, sabotage: Sabotage? = nil, keepsStory: Bool = false) {
        self.seed = seed
        self.sabotage = sabotage
        told = Story(isKept: keepsStory)
        numbers = SeededNumbers(seed: seed)
        shape = SimulationShape(&numbers)
        log = SimulatedLog(layout: layout, partitions: shape.partitions)
        for number in 0..<shape.places {
            let name = ByteText("place\(number)")
            let isOrdered = Int.random(in: 0..<4, using: &numbers) == 0
            places[name] = SimulatedPlace(isOrdered: isOrdered)
            if isOrdered { facts.order(name) }
        }
        for number in 0..<shape.roots { roots[ByteText("root\(number)")] = true }
        for topic in topics {
            for number in 0..<shape.partitions {
                let partition = TopicPartition(topic: topic, partition: number)
                log.records[partition] = []
                log.positions[partition] = GroupPosition(frontier: 0)
            }
        }
    }

    /// Runs the schedule of the seed.
    /// - Returns: the problems; none is right.
    package mutating func run() -> [String] {
        for _ in 0..<shape.workers { startWorker() }
        for _ in 0..<shape.steps where problems.isEmpty { step() }
        heal()
        let limit = 40_000
        var count = 0
        while problems.isEmpty, !isDrained, count < limit {
            healingStep()
            count += 1
        }
        if problems.isEmpty, !isDrained { fail("it does not drain: \(rest)") }
        if problems.isEmpty { checkEnd() }
        return problems
    }

    var topics: [String] { [layout.tasks] + shape.policy.tiers.map(layout.retry) }

    func chance(_ share: Int, of whole: Int, _ numbers: inout SeededNumbers) -> Bool {
        Int.random(in: 0..<whole, using: &numbers) < share
    }

    mutating func roll(_ count: Int) -> Int { Int.random(in: 0..<count, using: &numbers) }

    mutating func fail(_ problem: String) { problems.append("seed \(seed): \(problem)") }

    func tell(_ event: @autoclosure () -> String) {
        if told.isKept { told.add("\(now.milliseconds % 100_000_000) \(event())") }
    }

    /// Whether the planted bug strikes now.
    mutating func strikes(_ bug: Sabotage) -> Bool {
        guard bug == sabotage, bug.isSystematic || roll(4) == 0 else { return false }
        sabotages += 1
        tell("SABOTAGE \(bug)")
        return true
    }

    // MARK: Steps

    private mutating func step() {
        switch roll(100) {
        case 0..<10: submit()
        case 10..<13: changePlace()
        case 13..<14: changeRoot()
        case 14..<15: crash()
        case 15..<17: rebalance()
        case 17..<18: cancel()
        case 18..<19: skew = .milliseconds(Int64.random(in: -5_000_000...5_000_000, using: &numbers))
        case 19..<30: advance()
        default: work()
        }
        while workers.count < shape.workers { startWorker() }
    }

    private mutating func healingStep() {
        if roll(10) == 0 { advance() } else { work() }
        while workers.count < shape.workers { startWorker() }
    }

    private mutating func heal() {
        isHealing = true
        tell("everything heals")
        for name in places.keys { places[name]?.mood = .works }
        for name in roots.keys { roots[name] = true }
        while tasks.count < shape.tasks { submit() }
    }

    private mutating func submit() {
        guard tasks.count < shape.tasks else { return }
        let place = ByteText("place\(roll(shape.places))")
        let identity = TaskIdentity(tenant: ByteText("tenant\(roll(shape.tenants))"), id: ByteText("t\(tasks.count)"))
        let deadline: Timestamp? = roll(12) == 0 ? now + .seconds(Int64(roll(4_000))) : nil
        let task = UploadTask(
            identity: identity, batch: "b",
            source: SourceReference(root: ByteText("root\(roll(shape.roots))"), path: "p"),
            destination: DestinationReference(target: .named(place), key: ByteText("key\(roll(6))")),
            size: ByteCount(clamping: roll(2_000_000)), modifiedAt: 0, acceptedAt: now, deadline: deadline)
        if shape.hasPoison, roll(10) == 0 { poison.insert(identity) }
        tasks.append(task)
        tell("submit \(identity) to \(place)\(poison.contains(identity) ? ", poison" : "")")
        guard let request = try? TaskRecord.accepted(task, topic: layout.tasks, trace: nil) else {
            return fail("a task cannot be encoded")
        }
        log.append(request, now: now)
    }

    private mutating func changePlace() {
        guard !isHealing else { return }
        let name = ByteText("place\(roll(shape.places))")
        let mood = SimulatedPlace.Mood.allCases[roll(SimulatedPlace.Mood.allCases.count)]
        places[name]?.mood = mood
        tell("\(name) \(places[name].map { "\($0.mood)" } ?? "")")
    }

    private mutating func changeRoot() {
        let name = ByteText("root\(roll(shape.roots))")
        roots[name] = roll(2) == 0
        tell("\(name) \(roots[name] ?? false)")
    }

    private mutating func cancel() {
        guard !tasks.isEmpty else { return }
        let task = TaskGeneration(identity: tasks[roll(tasks.count)].identity, generation: 0)
        guard !facts.isCancelled(task) else { return }
        // Its result is written with the request.
        guard !log.outcomes.contains(where: { $0.task == task && $0.kind.isTerminal }) else { return }
        facts.cancel(task)
        tell("cancel \(task)")
        for index in workers.indices { workers[index].inbox.append(.cancelled(task)) }
    }

    private mutating func advance() {
        let times = workers.compactMap { $0.machine.wake } + dueTimes
        let next = times.filter { $0 > now }.min()
        switch roll(10) {
        case 0..<7:
            if let next { now = next } else { now = now + .milliseconds(Int64(roll(1_000))) }
        case 7..<9: now = now + .milliseconds(Int64(roll(20_000)))
        default: now = now + .seconds(Int64(roll(2_000)))
        }
    }

    /// When delayed records may be delivered.
    private var dueTimes: [Timestamp] {
        workers.flatMap { worker in
            worker.intakes.values.compactMap { intake in
                guard intake.delay > .zero, intake.ledger.position < Int64(log.records[intake.partition]?.count ?? 0)
                else { return nil }
                return log.records[intake.partition].map { $0[Int(intake.ledger.position)].appendedAt + intake.delay }
            }
        }
    }
}
