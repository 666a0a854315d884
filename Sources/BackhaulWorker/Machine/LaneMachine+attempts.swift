internal import BackhaulDestinations
internal import BackhaulDomain
internal import BackhaulLog
internal import BackhaulRecords
internal import BackhaulUnits

/// Begins and ends attempts.
extension LaneMachine {
    /// Begins attempts as long as the admission lets them.
    mutating func admit() {
        if !isStopping, let suspect = suspects.first {
            // Nothing else begins until it has run alone.
            guard admission.running == 0, let held = table[suspect], let flow = held.flow else { return }
            suspects.removeFirst()
            admission.begin(suspect, flow, size: held.size)
            return begin(suspect)
        }
        guard mayAdmit else { return }
        while let reference = admission.next(now) { begin(reference) }
    }

    /// Whether tasks may begin that need not run alone.
    var mayAdmit: Bool { !isStopping && suspects.isEmpty && !isSuspectRunning }

    private var isSuspectRunning: Bool {
        guard running.count == 1, let only = running.first, let task = table[only]?.task else { return false }
        return task.progress.crashes >= Self.crashesToBeAlone
    }

    /// Begins a task that has a slot.
    mutating func begin(_ reference: DeliveryReference) {
        guard let held = table[reference], let flow = held.flow else { return }
        alarms.cancel(reference)
        unlent.remove(reference)
        running.insert(reference)
        table[reference]?.standing = .preparing
        table[reference]?.hasBegun = true
        guard let task = held.task else {
            fetch(reference, .begin)
            // Those behind it come next, and lie mostly behind it in the log, too.
            for next in admission.next(of: flow, Self.fetchedTogether) where table[next]?.hasTask == false {
                fetch(next, .keep)
            }
            return
        }
        if held.isInTheWay, !held.isOrdered {
            release(reference, .nothing)
            return end(reference, writer.moved(task, toTier: smallestTier))
        }
        if let unit = ending(task) {
            release(reference, .nothing)
            return end(reference, unit)
        }
        guard needsMarkFirst(task) else { return launch(reference, task, isMarked: false) }
        let startedAt = wall
        do {
            let record = try writer.started(task, startedAt: startedAt, now: wall)
            actions.append(settle(try writer.checkpoint(task, isInFlight: true, with: [record]), .begin))
            table[reference]?.isFresh = false
        } catch {
            launch(reference, task, isMarked: false)
        }
    }

    private static let fetchedTogether = 255

    /// Whether an earlier owner may have died of the task: then a mark in the log has to tell the next owner if this
    /// one dies, too, however soon. A partition's first tasks are those that its earlier owner had in hand.
    private mutating func needsMarkFirst(_ task: TaskDelivery) -> Bool {
        let partition = task.delivery.stored.position.partition
        guard task.progress.crashes == 0 else { return true }
        guard let left = marksFirst[partition], !isOnlyOwner(task) else { return false }
        marksFirst[partition] = left > 1 ? left - 1 : nil
        return true
    }

    /// Whether the record was appended after this lane acquired its partition.
    func isOnlyOwner(_ task: TaskDelivery) -> Bool {
        ownedSince[task.delivery.stored.position.partition].map { $0 < task.delivery.stored.appendedAt } ?? false
    }

    mutating func launch(_ reference: DeliveryReference, _ task: TaskDelivery, isMarked: Bool) {
        attempts += 1
        var task = task
        if let trace = rules.trace(task.delivery) {
            task.trace = trace
            table[reference]?.task = task
        }
        table[reference]?.standing = .running(
            Held.Run(
                number: attempts, begun: now, startedAt: wall, isMarked: isMarked,
                isResumed: !task.progress.uploadState.isEmpty))
        let line = MarkLine.Entry(due: now, number: attempts, reference: reference)
        if isMarked { append(marked: line) } else { append(unmarked: line) }
        actions.append(.begin(Attempt(task: task, number: attempts, begun: now, startedAt: wall)))
    }

    private mutating func append(marked entry: MarkLine.Entry) {
        var entry = entry
        entry.due = now + max(options.reportEvery, .milliseconds(10))
        marked.append(entry)
    }

    private mutating func append(unmarked entry: MarkLine.Entry) {
        var entry = entry
        entry.due = now + options.markAfter
        unmarked.append(entry)
    }

    /// Gives the slot back.
    /// - Returns: whether the failure costs the task nothing.
    @discardableResult
    mutating func release(_ reference: DeliveryReference, _ evidence: Evidence) -> Bool {
        guard let flow = table[reference]?.flow, running.remove(reference) != nil else { return false }
        let before = (
            admission.placeGates[flow.place]?.breaker.opening, admission.rootGates[flow.root]?.breaker.opening
        )
        let costsNothing = admission.ended(reference, flow, evidence, now: now, random: rules.random)
        tell(before.0, admission.placeGates[flow.place]?.breaker.opening, flow.place, isRoot: false)
        tell(before.1, admission.rootGates[flow.root]?.breaker.opening, flow.root, isRoot: true)
        return costsNothing
    }

    private mutating func tell(_ before: BreakerOpening?, _ after: BreakerOpening?, _ name: ByteText, isRoot: Bool) {
        switch (before, after) {
        case (nil, let opening?): actions.append(.opened(isRoot: isRoot, name, opening.failure))
        case (.some, nil): actions.append(.closed(isRoot: isRoot, name))
        default: return
        }
    }

    mutating func ended(_ reference: DeliveryReference, _ number: UInt64, _ end: AttemptEnd, _ sent: ByteCount) {
        guard let held = table[reference], case .running(let run) = held.standing, run.number == number,
            var task = held.task
        else { return }
        task.hasCheckpoint = task.hasCheckpoint || run.isMarked
        task.isMarked = run.isMarked
        task.progress.effort.add(startedAt: run.startedAt, duration: now - run.begun, bytesSent: sent)
        switch end {
        case .stopped:
            release(reference, .nothing)
            // Nobody asked for it: the engine was closed, or the lane is failing.
            if run.stop == nil, !held.isLeaving, !isStopping { return park(reference, task, run) }
            take(reference, stopped(task, run.stop, isOrdered: held.isOrdered))
        case .stored(let object):
            release(reference, .works)
            var unit = attempting(instead: task) {
                try writer.succeeded(
                    task, size: object.size, sha256: object.sha256, verification: object.verification.rawValue,
                    keptName: object.keptName, attributes: object.attributes, wasStored: object.wasStored,
                    bytesResumed: run.isResumed ? Self.resumed(object, sent) : .zero, startedAt: run.startedAt,
                    now: wall)
            }
            // The task was cancelled after the object was stored. No other delivery removes the cancel request.
            if rules.isCancelled(task.generation) {
                unit.appends.append(CancelRecord.tombstone(task.generation, writer.layout))
            }
            self.end(reference, unit)
        case .failed(let failure):
            // Before the evidence counts: what came in between concerns this refusal.
            let isOfTask = refusalIsOfTask(reference, failure, task)
            let isProbe = isProbe(reference)
            let tellsNothing = failure.scope == .place && !isProbe && isRepeated(reference, task)
            var costsNothing = release(reference, tellsNothing ? .nothing : .fails(failure))
            // An answer that is final would end each task that probes a server in a bad state.
            if isProbe, failure.kind == .permanent {
                table[reference]?.finalProbes += 1
                costsNothing = costsNothing || (table[reference]?.finalProbes ?? 0) < Self.finalProbes
            }
            if rules.isCancelled(task.generation) {
                discard(task)
                return self.end(reference, attempting(instead: task) { try cancelled(task, isInterrupted: true) })
            }
            if costsNothing, !isOfTask { return park(reference, task, run) }
            take(
                reference,
                decide(failure, task, isOrdered: held.isOrdered, isOfTask: isOfTask, startedAt: run.startedAt))
        }
    }

    /// Bytes that the attempt did not have to send, because earlier ones had.
    private static func resumed(_ object: StoredObject, _ sent: ByteCount) -> ByteCount {
        object.wasStored || object.verification == .none ? .zero : object.size - sent
    }

    /// A task that was answered so often while its place failed for others, too, is taken at that word.
    private static let finalProbes = 3

    private func isProbe(_ reference: DeliveryReference) -> Bool {
        table[reference]?.flow.map { admission.placeGates[$0.place]?.probe == reference } ?? false
    }

    /// Whether the place took other tasks since this one failed before: then its next failure tells of itself alone.
    private func isRepeated(_ reference: DeliveryReference, _ task: TaskDelivery) -> Bool {
        guard let place = table[reference]?.flow?.place, let last = task.progress.history.last,
            let worked = admission.placeGates[place]?.workedAt
        else { return false }
        return worked + (wall - now) > last.at
    }

    /// Whether a refusal concerns this task alone: the destination took another since it refused this one before. With
    /// no other task to compare with, it is taken at its word, once.
    private func refusalIsOfTask(_ reference: DeliveryReference, _ failure: Failure, _ task: TaskDelivery) -> Bool {
        guard failure.kind == .refused, let place = table[reference]?.flow?.place else { return false }
        let gate = admission.placeGates[place] ?? Gate()
        let last = task.progress.history.last { $0.failure == FailureClass.refused.rawValue }
        if let last, let worked = gate.workedAt, worked + (wall - now) > last.at { return true }
        guard gate.breaker.isPristine, last == nil else { return false }
        return !table.contains { other, held in
            guard other != reference, held.flow?.place == place else { return false }
            return held.isWaiting || held.isAdmitted
        }
    }

    /// Lets a task wait for its place or root, as if it had not been tried.
    private mutating func park(_ reference: DeliveryReference, _ task: TaskDelivery, _ run: Held.Run) {
        table[reference]?.task = task
        guard table[reference]?.isLeaving == false, run.stop == nil else {
            return take(reference, stopped(task, run.stop, isOrdered: table[reference]?.isOrdered == true))
        }
        let until = task.progress.crashes >= Self.crashesToBeAlone ? now + options.policy.parkDelay : nil
        guard task.isMarked else {
            decided(reference)
            return resume(reference, until)
        }
        take(reference, .wait(unmarking(task), task, until: until))
    }

    /// Carries a decision out.
    private mutating func take(_ reference: DeliveryReference, _ step: LaneStep) {
        switch step {
        case .settle(let unit): end(reference, unit)
        case .wait(let unit, let task, let until):
            var task = task
            task.isMarked = false
            table[reference]?.task = task
            table[reference]?.isFresh = false
            table[reference]?.standing = .settling
            actions.append(settle(unit, .wait(until: until)))
        case .leave(let unit):
            guard let unit else {
                decided(reference)
                return forget(reference)
            }
            end(reference, unit)
        }
    }

    mutating func settled(_ settlement: Settlement) {
        let reference = settlement.unit.delivery
        guard let held = table[reference] else { return }
        switch settlement.purpose {
        case .nothing: return
        case .begin:
            guard case .preparing = held.standing, let task = held.task else { return }
            // The unit is in the log: the decision that ends the attempt removes its mark.
            var marked = task
            marked.hasCheckpoint = true
            table[reference]?.task = marked
            let reason: StopReason? =
                if rules.isCancelled(marked.generation) {
                    .cancel
                } else if held.isLeaving || isStopping {
                    .interrupt
                } else if held.isInTheWay, !held.isOrdered { .makeWay } else { nil }
            if let reason {
                release(reference, .nothing)
                marked.isMarked = true
                return take(reference, stopped(marked, reason, isOrdered: held.isOrdered))
            }
            launch(reference, marked, isMarked: true)
        case .save(let number):
            // An attempt whose partition is lost is interrupted.
            guard case .running(let run) = held.standing, run.number == number, !settlement.isDropped else { return }
            actions.append(.saved(reference, number: number))
        case .wait(let until):
            decided(reference)
            resume(reference, until)
        case .end:
            // The owner that follows may go on with what this one would remove.
            if let task = discards[reference], !settlement.isDropped { actions.append(.discard(task)) }
            decided(reference)
            forget(reference)
        }
    }

    /// The decision about a task whose attempt had begun is in the log.
    mutating func decided(_ reference: DeliveryReference) {
        guard let held = table[reference], held.hasBegun else { return }
        table[reference]?.hasBegun = false
        admission.decided(size: held.size)
    }

    /// Lets a task wait after an attempt.
    private mutating func resume(_ reference: DeliveryReference, _ until: Timestamp?) {
        guard let held = table[reference], let task = held.task else { return }
        guard !held.isLeaving, !isStopping else { return forget(reference) }
        table[reference]?.standing = .turn
        if held.isInTheWay, !held.isOrdered { return end(reference, writer.moved(task, toTier: smallestTier)) }
        guard let until, until > now, !rules.isCancelled(task.generation) else { return proceed(reference) }
        wait(reference, until: until)
    }

    mutating func cancel(_ task: TaskGeneration) {
        guard let reference = places[task], let held = table[reference] else { return }
        switch held.standing {
        case .running: interrupt(reference, .cancel)
        case .preparing, .settling: return
        case .turn:
            // One that waits behind others of its key ends when its turn comes.
            if held.key.map({ order.first(of: $0) == reference }) ?? true { proceed(reference) }
        case .due, .queued, .alone:
            withdraw(reference)
            proceed(reference)
        }
    }

    /// Interrupts an attempt. The first reason is kept.
    mutating func interrupt(_ reference: DeliveryReference, _ reason: StopReason) {
        guard case .running(var run) = table[reference]?.standing else { return }
        run.stop = run.stop ?? reason
        table[reference]?.standing = .running(run)
        actions.append(.interrupt(reference))
    }

    /// Writes down what the dialect of a running attempt saves.
    mutating func save(_ reference: DeliveryReference, _ number: UInt64, _ state: [UInt8]) {
        guard case .running(let run) = table[reference]?.standing, run.number == number,
            var task = table[reference]?.task
        else { return }
        task.progress.uploadState = state
        guard let unit = try? writer.checkpoint(task, isInFlight: run.isMarked) else {
            return actions.append(.saved(reference, number: number))
        }
        // Its unit comes before all later ones of the delivery.
        task.hasCheckpoint = true
        table[reference]?.task = task
        table[reference]?.isFresh = false
        actions.append(settle(unit, .save(number: number)))
    }

    /// A task that ends without an object leaves nothing behind.
    mutating func discard(_ task: TaskDelivery) {
        if !task.progress.uploadState.isEmpty { discards[task.delivery.reference] = task }
    }

    // MARK: Marks and reports

    mutating func writeMarks() {
        for entry in unmarked.take(now, isRunning: isRunning) {
            guard case .running(var run) = table[entry.reference]?.standing, let task = table[entry.reference]?.task
            else { continue }
            do {
                let record = try writer.started(task, startedAt: run.startedAt, now: wall)
                actions.append(settle(try writer.checkpoint(task, isInFlight: true, with: [record]), .nothing))
            } catch {
                continue
            }
            run.isMarked = true
            table[entry.reference]?.isFresh = false
            table[entry.reference]?.standing = .running(run)
            append(marked: entry)
        }
        let due = marked.take(now, isRunning: isRunning)
        guard !due.isEmpty else { return }
        for entry in due { append(marked: entry) }
        actions.append(.report(due.map(\.reference)))
    }

    private func isRunning(_ entry: MarkLine.Entry) -> Bool {
        guard case .running(let run) = table[entry.reference]?.standing else { return false }
        return run.number == entry.number
    }

    mutating func progressed(_ reference: DeliveryReference, _ sent: ByteCount) {
        guard case .running(var run) = table[reference]?.standing, let task = table[reference]?.task,
            let flow = table[reference]?.flow, sent != run.sent
        else { return }
        run.sent = sent
        table[reference]?.standing = .running(run)
        admission.progressed(flow, now)
        // A wait for the server's answer writes nothing.
        guard run.isMarked,
            let unit = try? writer.progressed(task, sent: sent, startedAt: run.startedAt, now: wall)
        else { return }
        actions.append(settle(unit, .nothing))
    }
}
