import BackhaulDomain
import BackhaulLog
import BackhaulRecords
import BackhaulUnits
import BackhaulWorker

/// What has to hold after every step, and in the end.
extension Simulation {
    mutating func check(_ index: Int) {
        let worker = workers[index]
        for problem in worker.machine.problems { fail("worker \(worker.number): \(problem)") }
        if worker.attempts.count > shape.uploads {
            fail("worker \(worker.number) makes \(worker.attempts.count) attempts at once")
        }
        let byPlace = Dictionary(grouping: worker.attempts.values) {
            FlowKey.place($0.attempt.task.task.destination.target)
        }
        let limit = max(1, shape.uploads / 2)
        for (place, attempts) in byPlace where attempts.count > limit {
            fail("worker \(worker.number) makes \(attempts.count) attempts at \(place) at once, \(limit) are allowed")
        }
    }

    /// No attempt begins while an earlier task of its key is unfinished in the same partition.
    mutating func checkOrder(_ attempt: Attempt, _ index: Int) {
        let task = attempt.task.task
        guard places[FlowKey.place(task.destination.target)]?.isOrdered == true else { return }
        let position = attempt.task.delivery.reference.position
        guard position.partition.topic == layout.tasks, let intake = workers[index].intakes[position.partition],
            intake.isOpen(attempt.task.delivery.reference)
        else { return }
        for stored in (log.records[position.partition] ?? []).prefix(Int(position.offset)) {
            guard !intake.ledger.isFinished(stored.position.offset), let other = try? TaskRecord.read(stored.record),
                other.task.destination == task.destination, other.task.identity.tenant == task.identity.tenant
            else { continue }
            fail("\(attempt.task.generation) is tried before \(other.generation) of the same key")
        }
    }

    /// Whether every record is finished.
    var isDrained: Bool {
        log.records.allSatisfy { partition, records in
            log.positions[partition].map { $0.frontier >= Int64(records.count) } ?? true
        }
    }

    /// What is not finished.
    var rest: String {
        log.records.compactMap { partition, records in
            let frontier = log.positions[partition]?.frontier ?? 0
            return frontier < Int64(records.count) ? "\(partition) at \(frontier) of \(records.count)" : nil
        }.sorted().joined(separator: ", ")
    }

    mutating func checkEnd() {
        // Whatever is still on its way is done.
        for _ in 0..<400 { work() }
        let ends = Dictionary(grouping: log.outcomes.filter(\.kind.isTerminal), by: \.task.identity)
        for task in tasks {
            let found = ends[task.identity] ?? []
            guard found.count == 1, let end = found.first else {
                fail("\(task.identity) has \(found.count) ends: \(found.map(\.kind))")
                continue
            }
            if end.kind == .succeeded, stored[task.identity] == nil { fail("\(task.identity) succeeded unstored") }
            if end.attempts > shape.policy.maxAttempts { fail("\(task.identity) spent \(end.attempts) attempts") }
            if end.crashes > crashes { fail("\(task.identity) counts \(end.crashes) of \(crashes) crashes") }
            if poison.contains(task.identity), end.kind == .succeeded { fail("\(task.identity) survived") }
            if end.kind == .failed, end.failure?.kind == .refused, end.attempts == 0 {
                fail("\(task.identity) failed without an attempt: \(end.failure.map { "\($0)" } ?? "")")
            }
            if end.kind == .failed, let failure = end.failure, failure.kind == .permanent, failure.httpStatus == nil {
                fail("\(task.identity) became a dead letter: \(failure)")
            }
        }
        if !log.checkpoints.isEmpty { fail("\(log.checkpoints.count) checkpoints are left") }
        for worker in workers {
            for problem in worker.machine.idleProblems { fail("worker \(worker.number) in the end: \(problem)") }
            if let owned = worker.machine.idleCredits, worker.credits + owned.owed != owned.all {
                fail("worker \(worker.number) has \(worker.credits) credits and is owed \(owned.owed) of \(owned.all)")
            }
            let load = worker.machine.load
            if load.running + load.waiting > 0, worker.settling.isEmpty, worker.inbox.isEmpty {
                fail("worker \(worker.number) holds \(load.running) and \(load.waiting) in the end")
            }
        }
    }
}
