import BackhaulDomain
import BackhaulLog
import BackhaulUnits
import BackhaulWorker

/// Workers come, go, crash and hand partitions over.
extension Simulation {
    mutating func startWorker() {
        started += 1
        let numbers = SharedNumbers(seed: seed &+ UInt64(started))
        let facts = facts
        let machine = LaneMachine(
            kind: .small,
            options: WorkerOptions(
                name: "w\(started)", layout: layout, policy: shape.policy, uploads: shape.uploads,
                grace: .seconds(10), memoryWaits: shape.memoryWaits, heldTasks: shape.heldTasks,
                decisionsPerUpload: 2),
            writer: DecisionWriter(layout: layout, worker: "w\(started)"), tiers: shape.policy.tiers,
            rules: LaneRules(
                isOrdered: { facts.isOrdered($0) }, isCancelled: { facts.isCancelled($0) },
                random: { numbers.next() }))
        var worker = SimulatedWorker(number: started, machine: machine)
        tell("worker \(started) starts")
        let actions = worker.machine.begin()
        workers.append(worker)
        perform(actions, workers.count - 1)
        for partition in log.records.keys.sorted(by: Self.order) where log.owners[partition] == nil {
            assign(partition, workers.count - 1)
        }
    }

    static func order(_ left: TopicPartition, _ right: TopicPartition) -> Bool {
        (left.topic, left.partition) < (right.topic, right.partition)
    }

    func index(_ number: Int) -> Int? { workers.firstIndex { $0.number == number } }

    mutating func assign(_ partition: TopicPartition, _ index: Int) {
        guard !workers[index].isStopping, let position = log.positions[partition] else { return }
        log.epochs += 1
        log.owners[partition] = workers[index].number
        let group = layout.workGroup(of: partition.topic)
        var intake = PartitionIntake(
            group: group, partition: partition, epoch: log.epochs, delay: layout.tier(of: partition.topic) ?? .zero,
            position: position)
        intake.cursor = position.frontier
        workers[index].intakes[partition] = intake
        tell("worker \(workers[index].number) gets \(partition)")
        workers[index].inbox.append(
            .session(
                .assigned([
                    AssignedPartition(group: group, partition: partition, epoch: log.epochs, position: position)
                ])))
    }

    mutating func crash() {
        guard !workers.isEmpty else { return }
        remove(roll(workers.count), "crashes")
        crashes += 1
    }

    mutating func remove(_ index: Int, _ how: String) {
        let worker = workers.remove(at: index)
        tell("worker \(worker.number) \(how)")
        let orphans = log.owners.filter { $0.value == worker.number }.keys.sorted(by: Self.order)
        for partition in orphans { log.owners[partition] = nil }
        for partition in orphans where !workers.isEmpty { assign(partition, roll(workers.count)) }
    }

    mutating func rebalance() {
        guard !workers.isEmpty else { return }
        let index = roll(workers.count)
        let worker = workers[index]
        if roll(6) == 0, !worker.isStopping {
            tell("worker \(worker.number) stops")
            workers[index].isStopping = true
            workers[index].inbox.append(.stop(grace: .seconds(Int64(roll(20)))))
            return
        }
        let owned = log.owners.filter { $0.value == worker.number }.keys.sorted(by: Self.order)
        guard !owned.isEmpty else { return }
        let partition = owned[roll(owned.count)]
        guard !worker.revoking.contains(partition) else { return }
        let group = layout.workGroup(of: partition.topic)
        if roll(3) == 0 {
            // Lost: another has it already. To the log that is a death.
            crashes += 1
            tell("worker \(worker.number) loses \(partition)")
            workers[index].intakes[partition] = nil
            log.owners[partition] = nil
            workers[index].inbox.append(.session(.lost(Revocation(group: group, partitions: [partition]))))
            assign(partition, roll(workers.count))
        } else {
            tell("worker \(worker.number) has to release \(partition)")
            workers[index].revoking.insert(partition)
            workers[index].inbox.append(
                .session(.revoking(Revocation(group: group, partitions: [partition], allowance: .seconds(30)))))
            if strikes(.releaseEarly) { release([partition], index) }
        }
    }

    mutating func release(_ partitions: [TopicPartition], _ index: Int) {
        for partition in partitions where workers[index].revoking.remove(partition) != nil {
            tell("worker \(workers[index].number) releases \(partition)")
            workers[index].intakes[partition] = nil
            log.owners[partition] = nil
            let others = workers.indices.filter { !workers[$0].isStopping }
            if !others.isEmpty { assign(partition, others[roll(others.count)]) }
        }
    }
}
