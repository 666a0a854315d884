internal import BackhaulDestinations
internal import BackhaulDomain
internal import BackhaulLog
internal import BackhaulRecords
internal import BackhaulTelemetry
internal import BackhaulTransfer
internal import BackhaulUnits
internal import Logging

/// Drives the machine of one lane: feeds it what happens, and does what it says. An attempt is a child task.
actor Lane {
    private let log: any MessageLog
    private let session: any LogSession
    private let execution: UploadExecution
    private let checkpoints: CheckpointReader
    private let settler: Settler
    private let reporter: AttemptReporter
    private let clock: any LogClock
    private let logger: Logger
    private let inbox = LaneInbox()
    private let alarm = Signal()
    private let ended = Signal()
    private var machine: LaneMachine
    private var running: [DeliveryReference: RunningAttempt] = [:]
    /// When the alarm rings; nil for never.
    private var wake: Timestamp?
    private var isOver = false

    init(
        log: any MessageLog, session: any LogSession, machine: LaneMachine, execution: UploadExecution,
        checkpoints: CheckpointReader, settler: Settler, reporter: AttemptReporter, clock: any LogClock, logger: Logger
    ) {
        self.log = log
        self.session = session
        self.machine = machine
        self.execution = execution
        self.checkpoints = checkpoints
        self.settler = settler
        self.reporter = reporter
        self.clock = clock
        self.logger = logger
    }

    /// Runs until `stop`, or until the log fails for good.
    func run() async throws {
        defer {
            isOver = true
            reporter.end()
            ended.raise()
        }
        do {
            try await work()
        } catch {
            // This member takes no more deliveries, so its groups must not wait for it.
            await session.close()
            throw error
        }
    }

    private func work() async throws {
        try await withThrowingTaskGroup(of: Part.self) { group in
            group.addTask {
                try await self.settler.run { self.inbox.add(.settled($0)) }
                return .settler
            }
            group.addTask {
                while let event = try await self.session.next() { self.inbox.add(.session(event)) }
                return .session
            }
            group.addTask {
                await self.ring()
                return .rest
            }
            group.addTask {
                try await self.turn()
                return .rest
            }
            var isSettled = false
            while true {
                do {
                    guard let part = try await group.next() else { return }
                    switch part {
                    case .session:
                        // Closed by `stop`, or by the log: no decision can be settled any more.
                        settler.end()
                    case .settler:
                        isSettled = true
                        group.cancelAll()
                    case .rest: continue
                    }
                } catch is CancellationError where isSettled {
                    continue
                }
            }
        }
    }

    private enum Part: Sendable {
        case session
        case settler
        case rest
    }

    /// Returns once the lane has joined its groups.
    func joined() async throws { try await session.joined() }

    /// Ends the lane. Drops waiting tasks at once and gives uploads `grace`; an interrupted upload spends no attempt.
    func stop(grace: Duration) async {
        inbox.add(.stop(grace: grace))
        while !isOver { await ended.waitThrough() }
    }

    func resize(to uploads: Int) { inbox.add(.resized(uploads: uploads)) }

    /// Cancels a generation: interrupts its upload, or ends it if it waits.
    nonisolated func cancel(_ task: TaskGeneration) { inbox.add(.cancelled(task)) }

    // MARK: The loop

    private func turn() async throws {
        try await withThrowingDiscardingTaskGroup { group in
            for action in machine.begin() { await perform(action, &group) }
            while true {
                let events = try await inbox.take()
                if events.isEmpty { return }
                for case .ended(let reference, let number, _, _) in events
                where running[reference]?.attempt.number == number {
                    running[reference] = nil
                }
                let actions = machine.handle(events, now: clock.now, wall: clock.wall)
                settler.add(
                    actions.compactMap { action in
                        if case .settle(let settlement) = action { settlement } else { nil }
                    })
                for action in actions { await perform(action, &group) }
                let next = machine.wake
                // The alarm sleeps until an earlier time: then it looks again.
                let isEarlier = next.map { next in wake.map { next < $0 } ?? true } ?? false
                wake = next
                if isEarlier { alarm.raise() }
            }
        }
    }

    /// Tells the machine when its time has come.
    private func ring() async {
        while !Task.isCancelled {
            if let wake, wake <= clock.now {
                self.wake = nil
                inbox.add(.tick)
            }
            await alarm.wait(until: wake, by: clock)
        }
    }

    private func perform(_ action: LaneAction, _ group: inout ThrowingDiscardingTaskGroup<any Error>) async {
        switch action {
        case .settle: return
        case .grant(let count): await session.grant(count)
        case .begin(let attempt):
            let handle = RunningAttempt(attempt: attempt)
            running[attempt.task.delivery.reference] = handle
            group.addTask { await self.make(handle) }
        case .interrupt(let reference): running[reference]?.interruption.interrupt()
        case .report(let references):
            let sent = references.compactMap { reference in
                running[reference].map { (reference, $0.progress.bytesSent) }
            }
            inbox.add(.progressed(Dictionary(sent) { first, _ in first }))
        case .inherit(let arrival): group.addTask { await self.reporting { try await self.inherit(arrival) } }
        case .fetch(let references):
            // A partition that cannot be read holds back its own tasks only.
            for (partition, wanted) in Dictionary(grouping: references, by: \.position.partition) {
                group.addTask { await self.reporting { try await self.fetch(partition, wanted) } }
            }
        case .release(let revocation):
            group.addTask { await self.reporting { try await self.session.release(revocation) } }
        case .abandon: settler.abandon()
        case .finish:
            settler.end()
            await session.close()
        case .saved(let reference, let number):
            guard let handle = running[reference], handle.attempt.number == number else { return }
            handle.saves.settle()
        case .discard(let task): group.addTask { await self.discard(task) }
        case .malformed, .failed, .vanished, .opened, .closed: reporter.note(action)
        }
    }

    private nonisolated func make(_ handle: RunningAttempt) async {
        let attempt = handle.attempt
        reporter.begins(attempt)
        let reference = attempt.task.delivery.reference
        let saved = attempt.task.progress.uploadState
        let run = DialectRunner.Run(
            interruption: handle.interruption, progress: handle.progress, state: saved.isEmpty ? nil : saved
        ) { state, interruption in
            try await handle.saves.wait(interruption) {
                self.inbox.add(.save(reference, number: attempt.number, state))
            }
        }
        let end = await execution.make(attempt.task.task, run)
        reporter.ended(attempt, end)
        inbox.add(.ended(reference, number: attempt.number, end, sent: handle.progress.bytesSent))
    }

    /// Removes what a task left at its destination. What cannot be removed now is for `destinations sweep`.
    private nonisolated func discard(_ task: TaskDelivery) async {
        do {
            try await execution.discard(task.task, state: task.progress.uploadState)
        } catch is CancellationError {
            return
        } catch {
            logger.notice(
                "what an upload left at its destination could not be removed",
                metadata: [
                    "task": "\(task.generation)", "destination": "\(task.task.destination.label)",
                    "error": "\(error)",
                ])
        }
    }

    /// Reads the checkpoints of a partition. Concurrently, so that other partitions deliver and revocations are
    /// answered meanwhile.
    private func inherit(_ arrival: Arrival) async throws {
        let found = try await Patience.keepAsking(clock: clock) {
            !machine.isArriving(arrival.partition, epoch: arrival.epoch)
        } onWait: { error in
            logger.notice(
                "waiting for checkpoints", metadata: ["partition": "\(arrival.partition)", "error": "\(error)"])
        } _: {
            try await checkpoints.checkpoints(of: arrival.partition, at: arrival.position)
        }
        guard let found else { return }
        inbox.add(.inherited(arrival.partition, epoch: arrival.epoch, found))
    }

    // MARK: Records that are read again

    private func fetch(_ partition: TopicPartition, _ wanted: [DeliveryReference]) async throws {
        let found = try await Patience.keepAsking(clock: clock) {
            isOver
        } onWait: { error in
            logger.notice("waiting for records", metadata: ["partition": "\(partition)", "error": "\(error)"])
        } _: {
            try await read(partition, wanted.sorted { $0.position.offset < $1.position.offset })
        }
        if let found { inbox.add(.fetched(found)) }
    }

    /// Ends the lane when work beside its loop fails for good. The error of a child of the loop's own group would
    /// only cancel its siblings.
    private nonisolated func reporting(_ work: () async throws -> Void) async {
        do {
            try await work()
        } catch is CancellationError {
            return
        } catch {
            inbox.fail(error)
        }
    }

    /// - Parameter wanted: in the order of their offsets.
    private func read(
        _ partition: TopicPartition, _ wanted: [DeliveryReference]
    ) async throws -> [DeliveryReference: StoredRecord?] {
        var found: [DeliveryReference: StoredRecord?] = [:]
        var rest = wanted[...]
        while let first = rest.first {
            let page = try await log.read(
                partition, from: first.position.offset, records: 500, bytes: ByteCount(1 << 20))
            let records = Dictionary(page.records.map { ($0.position.offset, $0) }) { first, _ in first }
            // A broker may not yet know of what it has delivered.
            guard page.next > first.position.offset else {
                throw LogError.unavailable("\(first.position) cannot be read")
            }
            while let reference = rest.first, reference.position.offset < page.next {
                found[reference] = .some(records[reference.position.offset])
                rest.removeFirst()
            }
        }
        return found
    }
}
