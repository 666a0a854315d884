import BackhaulDestinations
import BackhaulDomain
import BackhaulLog
import BackhaulRecords
import BackhaulUnits
import BackhaulWorker

/// What happens around a worker: deliveries, settlements, attempts.
extension Simulation {
    /// Does one thing of one worker.
    mutating func work() {
        guard !workers.isEmpty else { return }
        let index = roll(workers.count)
        switch roll(10) {
        case 0..<2: deliver(index)
        case 2..<4: settle(index)
        case 4..<6: endAttempt(index)
        case 6:
            guard !workers[index].inherits.isEmpty else { return turn(index) }
            let arrival = workers[index].inherits.removeFirst()
            if strikes(.checkpointsUnanswered) { return }
            var found = strikes(.checkpointsUnread) ? [:] : log.inherited(arrival)
            for (position, checkpoint) in found where !checkpoint.progress.uploadState.isEmpty {
                if strikes(.stateForgotten) { found[position]?.progress.uploadState = [] }
            }
            workers[index].inbox.append(.inherited(arrival.partition, epoch: arrival.epoch, found))
        case 7: read(index)
        default: turn(index)
        }
    }

    /// Lets the machine handle what has happened.
    mutating func turn(_ index: Int, turns: Int = 0) {
        let number = workers[index].number
        var events = workers[index].inbox
        workers[index].inbox = []
        let isDue = workers[index].machine.wake.map { $0 <= now } ?? false
        if isDue, !strikes(.wakeLost) { events.append(.tick) }
        guard !events.isEmpty else { return }
        let actions = workers[index].machine.handle(events, now: now, wall: now + skew)
        perform(actions, index)
        guard index < workers.count, workers[index].number == number else { return }
        check(index)
        guard let wake = workers[index].machine.wake, wake <= now, sabotage == nil else { return }
        // A time that had passed when it was noted is handled at the next turn.
        guard turns < 3 else { return fail("worker \(number) wakes again and again") }
        turn(index, turns: turns + 1)
    }

    mutating func perform(_ actions: [LaneAction], _ index: Int) {
        for action in actions {
            switch action {
            case .settle(let settlement):
                if strikes(.settlementLost) { continue }
                workers[index].settling.append(settlement)
            case .grant(let count):
                let count = strikes(.creditLost) ? count - 1 : strikes(.creditDoubled) ? count * 2 : count
                workers[index].credits += count
            case .begin(let attempt):
                begins(attempt, index)
            case .interrupt(let reference):
                workers[index].attempts[reference]?.isInterrupted = true
            case .inherit(let arrival): workers[index].inherits.append(arrival)
            case .fetch(let references):
                if !strikes(.fetchLost) { workers[index].fetches.append(references) }
            case .report(let references): workers[index].reports.append(references)
            case .release(let revocation):
                if !strikes(.releaseLost) { release(revocation.partitions, index) }
            case .finish: workers[index].isFinished = true
            case .saved(let reference, let number): isSaved(reference, number, index)
            case .discard(let task):
                // Its decision is in the log: nobody goes on with what it removes.
                let isEnded = log.outcomes.contains { $0.task == task.generation && $0.kind.isTerminal }
                if task.progress.uploadState.isEmpty || !isEnded { fail("\(task.generation) has nothing to remove") }
            case .vanished(let position): fail("the record at \(position) is said to have vanished")
            case .malformed, .failed, .opened, .closed, .abandon: continue
            }
        }
        if workers[index].isFinished { remove(index, "has stopped") }
    }

    private mutating func begins(_ attempt: Attempt, _ index: Int) {
        let reference = attempt.task.delivery.reference
        tell("worker \(workers[index].number) tries \(attempt.task.generation)")
        if workers[index].attempts[reference] != nil { fail("\(attempt.task.generation) is tried twice at once") }
        checkOrder(attempt, index)
        checkState(attempt)
        if strikes(.attemptLost) { return }
        workers[index].attempts[reference] = SimulatedAttempt(attempt: attempt)
        if strikes(.attemptDoubled) { begins(attempt, index) }
    }

    // MARK: Deliveries

    private mutating func deliver(_ index: Int) {
        let partitions = workers[index].intakes.keys.sorted(by: Self.order)
        guard !partitions.isEmpty, workers[index].credits > 0 else { return }
        let partition = partitions[roll(partitions.count)]
        guard var intake = workers[index].intakes[partition], !workers[index].revoking.contains(partition) else {
            return
        }
        let records = log.records[partition] ?? []
        if intake.buffer.isEmpty, Int(intake.cursor) < records.count {
            intake.buffer = records[Int(intake.cursor)...]
            intake.cursor = Int64(records.count)
            intake.fetchedAt = now
        }
        let turn = intake.take(limit: min(workers[index].credits, 1 + roll(8)), now: now)
        workers[index].intakes[partition] = intake
        if let head = turn.blockedBy { workers[index].inbox.append(.session(.blocked(by: head))) }
        guard !turn.deliveries.isEmpty else { return }
        workers[index].credits -= turn.deliveries.count
        if strikes(.deliveryLost) { return }
        workers[index].inbox.append(.session(.delivered(turn.deliveries)))
    }

    private mutating func read(_ index: Int) {
        if !workers[index].fetches.isEmpty {
            var found: [DeliveryReference: StoredRecord?] = [:]
            for reference in workers[index].fetches.removeFirst() {
                let records = log.records[reference.position.partition] ?? []
                found[reference] =
                    strikes(.fetchEmpty) ? .some(nil) : .some(records[Int(reference.position.offset)])
            }
            workers[index].inbox.append(.fetched(found))
        } else if !workers[index].reports.isEmpty {
            let sent = workers[index].reports.removeFirst().map { ($0, ByteCount(clamping: roll(1_000))) }
            workers[index].inbox.append(.progressed(Dictionary(sent) { first, _ in first }))
        }
    }

    // MARK: Settlements

    private mutating func settle(_ index: Int) {
        guard !workers[index].settling.isEmpty else { return }
        let count = 1 + roll(workers[index].settling.count)
        var batch = Array(workers[index].settling.prefix(count))
        // A flush that fails is repeated.
        if roll(20) == 0 { return }
        workers[index].settling.removeFirst(count)
        let skipsEpoch = strikes(.epochUnchecked)
        for number in batch.indices {
            let settlement = batch[number]
            if case .begin = settlement.purpose, strikes(.markLost) { continue }
            batch[number].isDropped = !commit(settlement.unit, index, skipsEpoch: skipsEpoch)
            if strikes(.settlementWrittenTwice) {
                for request in settlement.unit.appends { log.append(request, now: now) }
            }
        }
        if !strikes(.settlementUnreported) { workers[index].inbox.append(.settled(batch)) }
    }

    /// - Returns: whether the unit is in the log.
    private mutating func commit(_ unit: SettleUnit, _ index: Int, skipsEpoch: Bool) -> Bool {
        let reference = unit.delivery
        let partition = reference.position.partition
        guard var intake = workers[index].intakes[partition], intake.isOpen(reference) else {
            if skipsEpoch { for request in unit.appends { log.append(request, now: now) } }
            return false
        }
        for request in unit.appends { log.append(request, now: now) }
        guard unit.finishes else { return true }
        intake.finish(reference.position.offset)
        workers[index].intakes[partition] = intake
        log.positions[partition] = intake.ledger.groupPosition
        return true
    }

    // MARK: What attempts save

    /// Lets an attempt of a large task save a number, now and then.
    private mutating func saves(_ running: SimulatedAttempt, _ reference: DeliveryReference, _ index: Int) -> Bool {
        let task = running.attempt.task
        guard task.task.size.bytes % 2 == 0, !running.isInterrupted, roll(3) == 0 else { return false }
        saves += 1
        workers[index].attempts[reference]?.saving = saves
        tell("worker \(workers[index].number) saves \(saves) of \(task.generation)")
        workers[index].inbox.append(
            .save(reference, number: running.attempt.number, Array(String(saves).utf8)))
        return true
    }

    private mutating func isSaved(_ reference: DeliveryReference, _ number: UInt64, _ index: Int) {
        guard let running = workers[index].attempts[reference], running.attempt.number == number else { return }
        guard let state = running.saving else {
            return fail("\(running.attempt.task.generation) is told that it saved, and has not")
        }
        if strikes(.saveUnanswered) { return }
        // Only a lost partition's owner is told of what is not in the log; it may not write any more.
        if workers[index].intakes[reference.position.partition]?.isOpen(reference) == true {
            saved[running.attempt.task.task.identity] = state
        }
        workers[index].attempts[reference]?.saving = nil
    }

    /// An attempt begins with what was saved last, or with what was being saved then.
    private mutating func checkState(_ attempt: Attempt) {
        let identity = attempt.task.task.identity
        guard let last = saved[identity] else { return }
        let state = UInt64(String(decoding: attempt.task.progress.uploadState, as: UTF8.self))
        guard state.map({ $0 >= last }) ?? false else {
            return fail("\(identity) begins with \(state.map(String.init) ?? "nothing"), \(last) was saved")
        }
    }

    // MARK: Attempts

    private mutating func endAttempt(_ index: Int) {
        let running = workers[index].attempts.keys.sorted { left, right in
            Self.order(left.position.partition, right.position.partition)
                || left.position.partition == right.position.partition
                    && (left.position.offset, left.epoch) < (right.position.offset, right.epoch)
        }
        guard !running.isEmpty else { return }
        let reference = running[roll(running.count)]
        guard let running = workers[index].attempts[reference] else { return }
        let task = running.attempt.task.task
        if running.saving != nil, !running.isInterrupted { return }
        if running.saving == nil, saves(running, reference, index) { return }
        if poison.contains(task.identity), !running.isInterrupted {
            crashes += 1
            return remove(index, "dies of \(task.identity)")
        }
        guard var end = end(running) else { return }
        workers[index].attempts[reference] = nil
        if case .stored = end { stored[task.identity, default: 0] += 1 }
        if case .failed(let failure) = end {
            if failure.kind == .refused, strikes(.refusalsPermanent) { end = .failed(Failure(.permanent, "no")) }
            if strikes(.failureStored) {
                end = .stored(StoredObject(size: task.size, sha256: "", verification: .status))
            }
        }
        tell("worker \(workers[index].number) ends \(running.attempt.task.generation): \(end)")
        if strikes(.endLost) { return }
        let number = strikes(.endOfAnother) ? running.attempt.number + 1 : running.attempt.number
        workers[index].inbox.append(.ended(reference, number: number, end, sent: .zero))
    }

    private mutating func end(_ running: SimulatedAttempt) -> AttemptEnd? {
        let task = running.attempt.task.task
        if running.saving != nil { return .stopped }
        if running.isInterrupted, roll(4) > 0 || poison.contains(task.identity) { return .stopped }
        guard let place = places[FlowKey.place(task.destination.target)] else { return nil }
        if roots[task.source.root] == false { return .failed(Failure(.rootUnavailable, "not mounted")) }
        switch place.mood {
        case .works: return .stored(StoredObject(size: task.size, sha256: "", verification: .status))
        case .unreachable: return .failed(Failure(.transient, "no connection"))
        case .refuses: return .failed(Failure(.refused, "403", httpStatus: 403))
        case .answers404: return .failed(Failure(.permanent, "404", httpStatus: 404))
        case .throttles: return .failed(Failure(.throttled, "429", httpStatus: 429, retryAfter: .seconds(30)))
        case .unknown: return .failed(Failure(.destinationUnknown, "not configured"))
        case .flickers:
            return roll(2) == 0
                ? .failed(Failure(.transient, "500", httpStatus: 500))
                : .stored(StoredObject(size: task.size, sha256: "", verification: .status))
        case .hangs:
            guard now - running.attempt.begun > .seconds(60) else { return nil }
            return .failed(Failure(.transient, "timed out"))
        }
    }
}
