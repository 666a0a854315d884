internal import BackhaulDomain
internal import BackhaulLog
internal import BackhaulRecords
internal import BackhaulUnits

/// Decides about deliveries whose attempt has ended.
extension LaneMachine {
    mutating func decide(
        _ failure: Failure, _ failed: TaskDelivery, isOrdered: Bool, isOfTask: Bool, startedAt: Timestamp
    ) -> LaneStep {
        var task = failed
        // Delays use the steady clock and deadlines the wall clock: convert both to the steady clock.
        let ahead = wall - now
        let verdict = Verdict.decide(
            failure, attempts: task.progress.attempts, policy: options.policy,
            deadline: task.task.deadline.map { $0 - ahead }, isOfTask: isOfTask, now: now, random: rules.random())
        actions.append(.failed(task, failure, next: Self.text(verdict, ahead: ahead)))
        switch verdict {
        case .deadLetter(let spends):
            discard(task)
            return .settle(
                attempting(instead: failed) {
                    try writer.failed(task, failure, spends: spends, startedAt: startedAt, now: wall)
                })
        case .expire(let spends):
            discard(task)
            return .settle(
                attempting(instead: failed) {
                    try writer.expired(task, after: failure, spends: spends, startedAt: startedAt, now: wall)
                })
        case .forget:
            return stopped(task, nil, isOrdered: isOrdered)
        case .retry(let at, let spends):
            writer.note(failure, spends: spends, in: &task, now: wall)
            task.progress.due = at
            do {
                let record = try writer.retrying(
                    task, failure, startedAt: startedAt, now: wall, nextAttemptAt: at + ahead)
                if !isOrdered, case .tier(let tier) = DelayPlan.next(tiers: tiers, due: at, now: now) {
                    return .settle(writer.moved(task, toTier: tier, with: [record]))
                }
                // The task waits in memory. Its progress is written to the log first, so that a crash loses nothing.
                let unit = try writer.checkpoint(task, isInFlight: false, with: [record])
                task.hasCheckpoint = true
                return .wait(unit, task, until: at)
            } catch {
                return .settle(
                    writer.malformed(failed.delivery, .invalid(what: "decision", problem: "\(error)"), now: wall))
            }
        }
    }

    /// What comes next, for the log.
    private static func text(_ verdict: Verdict, ahead: Duration) -> String {
        switch verdict {
        case .retry(let at, let spends):
            "another attempt at \(TimeText.format(at + ahead))\(spends ? "" : ", which this one does not count against")"
        case .deadLetter: "none, the task has failed"
        case .expire: "none, its deadline comes first"
        case .forget: "another attempt by the next owner"
        }
    }

    /// - Parameter isInterrupted: whether an upload may have been in progress.
    func cancelled(_ task: TaskDelivery, isInterrupted: Bool) throws -> SettleUnit {
        // It is certain that no object exists only if no worker can have begun an upload: the record is the first
        // of its generation and was appended while this worker had the partition, so no other worker can have
        // uploaded it and died.
        let topics = [writer.layout.tasks, writer.layout.largeTasks]
        let isFirst =
            topics.contains(task.delivery.stored.position.partition.topic) && !task.progress.isHandedOver
            && task.progress.attempts == 0 && task.progress.crashes == 0 && !task.hasCheckpoint
        let mayExist = isInterrupted || !isFirst || !isOnlyOwner(task)
        return try writer.cancelled(task, objectMayExist: mayExist, startedAt: wall, now: wall)
    }

    /// The step for work that was stopped: cancel it, move it to another topic, or leave it to the next owner.
    mutating func stopped(_ task: TaskDelivery, _ reason: StopReason?, isOrdered: Bool) -> LaneStep {
        switch reason {
        case .cancel:
            discard(task)
            return .settle(attempting(instead: task) { try cancelled(task, isInterrupted: true) })
        case .makeWay where !isOrdered:
            return .settle(
                attempting(instead: task) {
                    var unit =
                        kind == .small && !task.progress.isHandedOver
                        ? writer.handedOver(task) : writer.moved(task, toTier: smallestTier)
                    if task.isMarked { unit.appends.append(try writer.released(task, now: wall)) }
                    return unit
                })
        default:
            // A mark left in the log would count as a crash, but this worker stops in order.
            return .leave(task.hasCheckpoint ? unmarking(task) : nil)
        }
    }

    /// The unit that says that no attempt is in progress.
    func unmarking(_ task: TaskDelivery) -> SettleUnit {
        do {
            let records = task.isMarked ? [try writer.released(task, now: wall)] : []
            return try writer.checkpoint(task, isInFlight: false, with: records)
        } catch {
            return SettleUnit(delivery: task.delivery.reference, finishes: false, appends: [])
        }
    }
}
