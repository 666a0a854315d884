internal import BackhaulDomain
internal import BackhaulLog
internal import BackhaulRecords
package import BackhaulTelemetry
internal import BackhaulUnits
internal import Logging
internal import Synchronization

/// Runs replays: the member of the group of replays that owns the control topic does, all others wait.
///
/// The tasks of a batch and how far the replay has come are one settlement. It finishes a delivery of the control
/// topic, so that only the owner can write it, and the state that it appends is the delivery of the next batch. A
/// process that dies leaves the last state, and the next owner goes on from there. Where no delivery is in hand, the
/// runner appends a record that says nothing, and gets that.
package actor ReplayRunner {
    let log: any MessageLog
    let layout: TopicLayout
    let clock: any LogClock
    let routing: TaskRouting
    private let process: String
    let logger: Logger
    private let alarm = Signal()
    private let isStopped = Atomic<Bool>(false)
    private let openSession = Mutex<(any LogSession)?>(nil)
    let tasks = Counter(
        "backhaul_replay_letters_total", "Dead letters that replays have looked at.", labels: ["end"])
    private let phases = Mutex<[String: Int]>([:])

    private(set) var book = ReplayBook()
    private var isOwner = false
    var replays: [String: RunningReplay] = [:]
    /// Whose turn is next.
    private var last = ""
    private var tally: ResultTally
    /// Deliveries that are not finished.
    private var tickets: [Delivery] = []
    /// Whether a record that says nothing is on its way.
    private var isTurnDue = false
    private var wake: Timestamp?
    private var resultsReadAt: Timestamp?
    /// Whether results may have come that are not counted.
    private var mayHaveResults = true
    private var settlements = 0
    /// Records that were settled.
    private var records = 0

    private static let intake = 1_000
    /// How often results are read, and counts that have changed are written.
    private static let pause = Duration.milliseconds(500)
    /// How long replays that are over are kept, beyond their letters.
    private static let memory = Duration.seconds(30 * 86_400)

    init(
        log: any MessageLog, layout: TopicLayout, clock: any LogClock, routing: TaskRouting, process: String,
        logger: Logger
    ) {
        self.log = log
        self.layout = layout
        self.clock = clock
        self.routing = routing
        self.process = process
        self.logger = logger
        tally = ResultTally(log: log, layout: layout)
    }

    package nonisolated var families: [MetricFamily] {
        [
            tasks.family,
            MetricFamily(
                "backhaul_replays", "Replays that are not over, by phase; in the process that runs them.", .gauge,
                phases.withLock(\.self).sorted { $0.key < $1.key }.map {
                    MetricFamily.Sample(Double($0.value), [.init("phase", $0.key)])
                }),
        ]
    }

    /// Runs until `stop`.
    /// - Parameters:
    ///   - whileBusy: whether to end as soon as all replays wait for results or for an operator.
    ///   - onReady: called once the group is joined.
    /// - Throws: `LogError` when the log is closed; with `whileBusy` any that does not pass.
    package func run(whileBusy: Bool = false, onReady: @escaping @Sendable () -> Void = {}) async throws {
        var wait = Self.pause
        while !isStopped.load(ordering: .acquiring) {
            let settled = settlements
            do {
                return try await serve(whileBusy, onReady)
            } catch LogError.closed {
                throw LogError.closed
            } catch let error as LogError where error.mayPass || !whileBusy {
                // A right or a topic that is missing, too: the process has other work, which goes on.
                logger.warning("replays wait for the log", metadata: ["error": "\(error)"])
                let longest: Duration = error.mayPass ? .seconds(5) : .seconds(60)
                wait = settlements > settled ? Self.pause : min(wait * 2, longest)
                await alarm.wait(until: clock.now + wait, by: clock)
                try Task.checkCancellation()
            }
        }
    }

    package nonisolated func stop() async {
        isStopped.store(true, ordering: .releasing)
        alarm.raise()
        await openSession.withLock(\.self)?.close()
    }

    private func serve(_ whileBusy: Bool, _ onReady: @escaping @Sendable () -> Void) async throws {
        quit()
        // Of this session alone: what an earlier one has left does not concern it.
        let inbox = ReplayInbox()
        let subscription = Subscription(
            group: layout.replays, topic: layout.control, keepsAcrossLoss: false, startsAtEarliest: true)
        let session = try await log.openSession([subscription])
        openSession.withLock { $0 = session }
        // `stop` was called before the session existed.
        if isStopped.load(ordering: .acquiring) { await session.close() }
        let changes = await log.changes()
        do {
            try await withThrowingDiscardingTaskGroup { group in
                group.addTask {
                    guard (try? await session.joined()) != nil else { return }
                    onReady()
                }
                group.addTask {
                    do {
                        while let event = try await session.next() { inbox.add(.session(event)) }
                        inbox.add(.over(nil))
                    } catch {
                        inbox.add(.over(error))
                    }
                }
                group.addTask { for await _ in changes { inbox.add(.changed) } }
                group.addTask { await self.ring(inbox) }
                try await turn(session, inbox, whileBusy)
                group.cancelAll()
                await session.close()
            }
        } catch {
            await session.close()
            quit()
            throw error
        }
        quit()
    }

    private func turn(_ session: any LogSession, _ inbox: ReplayInbox, _ whileBusy: Bool) async throws {
        while true {
            let events = await inbox.take()
            if events.isEmpty { return }
            for event in events {
                switch event {
                case .over(let error):
                    if let error { throw error }
                    return
                case .changed: mayHaveResults = true
                // Nobody may have reported the results on which a verdict depends.
                case .tick: mayHaveResults = true
                case .session(.assigned(let partitions)):
                    if !partitions.isEmpty { try await own(session) }
                case .session(.revoking(let revocation)):
                    quit()
                    try await session.release(revocation)
                case .session(.lost): quit()
                case .session(.delivered(let deliveries)): note(deliveries)
                case .session(.blocked): break
                }
            }
            guard isOwner else { continue }
            try await work(session)
            if whileBusy, isIdle { return }
        }
    }

    /// Whether nothing happens before a result or an order comes.
    private var isIdle: Bool {
        isOwner && tickets.isEmpty && !isTurnDue
            && replays.values.allSatisfy { replay in
                switch replay.machine.need(at: clock.now) {
                case .nothing, .results: replay.isSaved
                case .canary, .letters, .time: false
                }
            }
    }

    private func ring(_ inbox: ReplayInbox) async {
        while !Task.isCancelled {
            if let wake, wake <= clock.now {
                self.wake = nil
                inbox.add(.tick)
            }
            await alarm.wait(until: wake, by: clock)
        }
    }

    // MARK: Ownership

    private func own(_ session: any LogSession) async throws {
        // Everything that an earlier owner has written is decided by now, and nothing can follow it.
        book = try await ReplayBook.read(log, layout)
        for (position, problem) in book.problems {
            logger.warning("a record cannot be read", metadata: ["position": "\(position)", "error": "\(problem)"])
        }
        replays = [:]
        tally = ResultTally(log: log, layout: layout)
        isOwner = true
        mayHaveResults = true
        resultsReadAt = nil
        for entry in book.sorted where entry.isOpen { adopt(entry) }
        try await forget()
        try await watch()
        try await count()
        await session.grant(Self.intake)
    }

    private func adopt(_ entry: ReplayBook.Entry) {
        var machine = ReplayMachine(entry.replay, entry.state, wall: clock.wall)
        if let order = entry.order {
            machine.follow(order, at: entry.orderOffset, now: clock.now, wall: clock.wall)
        }
        replays[entry.replay.id] = RunningReplay(machine, saved: entry.state, savedAt: clock.now)
        tally.add(entry.replay)
    }

    /// Has the log report results: an owner that waits for them reads nothing else.
    private func watch() async throws {
        let cursors = (tally.cursors ?? [:]).map { number, offset in
            (TopicPartition(topic: layout.results, partition: number), offset)
        }
        if !cursors.isEmpty { try await log.watch(Dictionary(cursors) { first, _ in first }) }
    }

    private func quit() {
        isOwner = false
        replays = [:]
        tickets = []
        isTurnDue = false
        note(phases: [:])
    }

    /// Removes what nobody needs any more: replays that are over, whose letters are gone. Where the letters of a
    /// migration's replays are, no offset tells: those stay.
    private func forget() async throws {
        var gone: [AppendRequest] = []
        for entry in book.sorted
        where !entry.isOpen && entry.replay.migration == nil && clock.wall - entry.replay.at > Self.memory {
            guard let bounds = try? await log.bounds(entry.replay.topic) else { continue }
            let isGone = bounds.allSatisfy { bounds in
                entry.replay.letters[bounds.partition.partition].map { $0.upperBound <= bounds.earliest } ?? true
            }
            guard isGone else { continue }
            let id = entry.replay.id
            for key in [ControlRecord.Key.replayOrder(id), .replayState(id), .replay(id)] {
                gone.append(try ControlRecord.tombstone(key, layout))
            }
        }
        if !gone.isEmpty { _ = try await log.append(gone) }
    }

    private func note(_ deliveries: [Delivery]) {
        tickets += deliveries
        for delivery in deliveries {
            guard let (key, content) = try? ControlRecord.read(delivery.record) else { continue }
            // An older state than the one that was read at first may come again: the machine has the latest.
            switch (key, content) {
            case (.replay(let id), .replay):
                book.note(key, content, at: delivery.stored.position.offset)
                if replays[id] == nil, let entry = book.entries[id], entry.isOpen { adopt(entry) }
            case (.replayOrder(let id), .order(let order)):
                let offset = delivery.stored.position.offset
                // The book may know a later one already.
                guard offset > book.entries[id]?.orderOffset ?? -1 else { continue }
                book.note(key, content, at: offset)
                replays[id]?.machine.follow(order, at: offset, now: clock.now, wall: clock.wall)
            case (.turn, _): isTurnDue = false
            default: break
            }
        }
    }

    // MARK: Work

    private func work(_ session: any LogSession) async throws {
        wake = nil
        let isNew = replays.values.contains { !$0.isWatched }
        if isNew {
            try await watch()
            for id in replays.keys { replays[id]?.isWatched = true }
        }
        if mayHaveResults { try await count() }
        let before = records
        // From the one behind the last on, so that each gets its turn.
        let ids = replays.keys.sorted()
        for id in ids.filter({ $0 > last }) + ids.filter({ $0 <= last }) {
            guard isOwner else { return }
            replays[id]?.machine.tick(now: clock.now, wall: clock.wall)
            guard let replay = replays[id] else { continue }
            switch replay.machine.need(at: clock.now) {
            case .canary, .letters:
                guard !tickets.isEmpty else { break }
                last = id
                try await send(id, session)
            case .time(let time): rise(at: time)
            case .results(let time):
                if let time { rise(at: time) }
            case .nothing: break
            }
            try await save(id, session)
        }
        replays = replays.filter { !($0.value.machine.state.phase.isOver && $0.value.isSaved) }
        tally.keep(only: Set(replays.keys))
        note(phases: Dictionary(replays.values.map { ($0.machine.state.phase.rawValue, 1) }, uniquingKeysWith: +))
        if !tickets.isEmpty { try await settle([], session) }
        // A state that was appended is delivered, and gives the next turn.
        if records == before, isOwner, !isTurnDue, replays.values.contains(where: needsTurn) {
            isTurnDue = true
            _ = try await log.append([ControlRecord.turn(layout)])
        }
        alarm.raise()
    }

    /// Whether a replay has something to write now.
    private func needsTurn(_ replay: RunningReplay) -> Bool {
        switch replay.machine.need(at: clock.now) {
        case .canary, .letters: true
        case .time, .results, .nothing: mustSave(replay)
        }
    }

    /// Whether a state that has changed is to be written now: a phase at once, counts now and then.
    private func mustSave(_ replay: RunningReplay) -> Bool {
        guard !replay.isSaved else { return false }
        return replay.saved?.phase != replay.machine.state.phase || clock.now - replay.savedAt >= Self.pause * 2
    }

    private func note(phases new: [String: Int]) { phases.withLock { $0 = new } }

    private func rise(at time: Timestamp) { wake = min(wake ?? time, time) }

    private func save(_ id: String, _ session: any LogSession) async throws {
        guard let replay = replays[id], !replay.isSaved else { return }
        guard mustSave(replay) else { return rise(at: replay.savedAt + Self.pause * 2) }
        guard !tickets.isEmpty else { return }
        if try await settle([state(replay.machine).request(id, layout)], session) { saved(id, replay.machine) }
    }

    func state(_ machine: ReplayMachine) -> ReplayState {
        var state = machine.state
        state.process = process
        return state
    }

    func saved(_ id: String, _ machine: ReplayMachine) {
        replays[id]?.machine = machine
        replays[id]?.saved = machine.state
        replays[id]?.savedAt = clock.now
        // A record that was read before may be delivered again: it must not find an older state.
        book.note(.replayState(id), .state(machine.state), at: 0)
        if machine.state.phase != .sending, replays[id]?.isSaved == true {
            logger.notice(
                "replay \(id): \(machine.state.phase.rawValue)",
                metadata: [
                    "reason": "\(machine.state.reason)", "appended": "\(machine.state.counts.appended)",
                    "results": "\(machine.state.counts.results)",
                ])
        }
    }

    /// Finishes what was delivered, together with the records.
    /// - Returns: whether the records are in the log.
    @discardableResult
    func settle(_ appends: [AppendRequest], _ session: any LogSession) async throws -> Bool {
        var units = tickets.map { SettleUnit(delivery: $0.reference, finishes: true, appends: []) }
        guard !units.isEmpty else { return false }
        units[units.count - 1].appends = appends
        let outcomes = try await session.settle(units)
        settlements += 1
        records += appends.count
        await session.grant(units.count)
        tickets = []
        guard outcomes.last == .settled else {
            // Another process has the topic now, or this one again: then it is assigned once more.
            isOwner = false
            return false
        }
        return true
    }

    /// Reads the results that have come, at most every `pause`.
    private func count() async throws {
        guard !replays.isEmpty else { return }
        if let resultsReadAt, clock.now - resultsReadAt < Self.pause { return rise(at: resultsReadAt + Self.pause) }
        mayHaveResults = false
        // Only the loop that is here changes it.
        var tally = tally
        try await tally.catchUp()
        self.tally = tally
        resultsReadAt = clock.now
        for (id, counts) in tally.counts {
            let other = try await strays(of: id)
            replays[id]?.machine.counted(
                succeeded: counts.succeeded, failed: counts.failed, other: counts.other + other, now: clock.now,
                wall: clock.wall)
        }
    }

    /// How many results that name no replay are of a replay's tasks. Each is looked at once.
    private func strays(of id: String) async throws -> Int {
        guard var replay = replays[id] else { return 0 }
        let fresh = tally.strays.dropFirst(replay.straysSeen)
        guard !fresh.isEmpty else { return replay.strays }
        if replay.judge == nil {
            let record = replay.machine.replay
            let reader = LetterReader(log: log, layout: layout, topic: record.topic)
            do {
                replay.judge = try await reader.judge(
                    record.selection, in: record.letters, discards: book.discards, replay: id)
            } catch let error as LogError where !error.mayPass && error != .closed {
                replays[id]?.machine.fail("\(error)", wall: clock.wall)
                return 0
            }
        }
        replay.straysSeen += fresh.count
        replay.strays += fresh.count { replay.judge?.judge.owns($0) ?? false }
        replays[id] = replay
        return replay.strays
    }
}
