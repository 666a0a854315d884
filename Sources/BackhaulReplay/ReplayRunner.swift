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
    private let log: any MessageLog
    private let layout: TopicLayout
    private let clock: any LogClock
    private let routing: TaskRouting
    private let process: String
    private let logger: Logger
    private let alarm = Signal()
    private let isStopped = Atomic<Bool>(false)
    private let openSession = Mutex<(any LogSession)?>(nil)
    private let tasks = Counter(
        "backhaul_replay_letters_total", "Dead letters that replays have looked at.", labels: ["end"])
    private let phases = Mutex<[String: Int]>([:])

    private var session: (any LogSession)?
    private var book = ReplayBook()
    private var isOwner = false
    private var replays: [String: RunningReplay] = [:]
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
    /// Letters of one batch that are looked at.
    private static let mostLooked = 5_000
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
        self.session = session
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

    /// Removes what nobody needs any more: replays that are over, whose letters are gone.
    private func forget() async throws {
        var gone: [AppendRequest] = []
        for entry in book.sorted where !entry.isOpen && clock.wall - entry.replay.at > Self.memory {
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
        var needsTicket = false
        let before = records
        // From the one behind the last on, so that each gets its turn.
        let ids = replays.keys.sorted()
        for id in ids.filter({ $0 > last }) + ids.filter({ $0 <= last }) {
            guard isOwner else { return }
            replays[id]?.machine.tick(now: clock.now, wall: clock.wall)
            guard let replay = replays[id] else { continue }
            switch replay.machine.need(at: clock.now) {
            case .canary, .letters:
                if tickets.isEmpty {
                    needsTicket = true
                } else {
                    last = id
                    try await send(id, session)
                }
            case .time(let time): rise(at: time)
            case .results(let time):
                if let time { rise(at: time) }
            case .nothing: break
            }
            try await save(id, session, &needsTicket)
        }
        replays = replays.filter { !($0.value.machine.state.phase.isOver && $0.value.isSaved) }
        tally.keep(only: Set(replays.keys))
        note(phases: Dictionary(replays.values.map { ($0.machine.state.phase.rawValue, 1) }, uniquingKeysWith: +))
        if !tickets.isEmpty { try await settle([], session) }
        // A state that was appended is delivered, and gives the next turn. Else one that still needs letters waits.
        let isWaiting = replays.values.contains { replay in
            switch replay.machine.need(at: clock.now) {
            case .canary, .letters: true
            case .time, .results, .nothing: false
            }
        }
        if needsTicket || (isWaiting && records == before), isOwner, !isTurnDue {
            isTurnDue = true
            _ = try await log.append([ControlRecord.turn(layout)])
        }
        alarm.raise()
    }

    private func note(phases new: [String: Int]) { phases.withLock { $0 = new } }

    private func rise(at time: Timestamp) { wake = min(wake ?? time, time) }

    /// Writes a state that has changed: a phase at once, counts now and then.
    private func save(_ id: String, _ session: any LogSession, _ needsTicket: inout Bool) async throws {
        guard let replay = replays[id], !replay.isSaved else { return }
        let isDue = replay.saved?.phase != replay.machine.state.phase || clock.now - replay.savedAt >= Self.pause * 2
        guard isDue else { return rise(at: replay.savedAt + Self.pause * 2) }
        guard !tickets.isEmpty else {
            needsTicket = true
            return
        }
        if try await settle([state(replay.machine).request(id, layout)], session) { saved(id, replay.machine) }
    }

    private func state(_ machine: ReplayMachine) -> ReplayState {
        var state = machine.state
        state.process = process
        return state
    }

    private func saved(_ id: String, _ machine: ReplayMachine) {
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
    private func settle(_ appends: [AppendRequest], _ session: any LogSession) async throws -> Bool {
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
        var tally = tally
        mayHaveResults = false
        try await tally.catchUp()
        // Replays may have been added or ended meanwhile.
        self.tally.take(tally)
        resultsReadAt = clock.now
        for (id, counts) in tally.counts {
            let found = counts.succeeded + counts.failed + counts.other
            let isShort = found < replays[id]?.machine.state.counts.appended ?? 0
            let other = isShort && !tally.strays.isEmpty ? try await strays(of: id) : 0
            replays[id]?.machine.counted(
                succeeded: counts.succeeded, failed: counts.failed, other: counts.other + other, now: clock.now,
                wall: clock.wall)
        }
    }

    /// How many results that name no replay are of a replay's tasks.
    private func strays(of id: String) async throws -> Int {
        guard var replay = replays[id] else { return 0 }
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
            replays[id]?.judge = replay.judge
        }
        return tally.strays.count { replay.judge?.judge.owns($0) ?? false }
    }

    // MARK: Sending

    /// Appends the next tasks of a replay, with its state.
    private func send(_ id: String, _ session: any LogSession) async throws {
        guard var replay = replays[id] else { return }
        let record = replay.machine.replay
        let reader = LetterReader(log: log, layout: layout, topic: record.topic)
        do {
            if let judge = replay.judge {
                var known = judge
                known.judge.discards = book.discards
                try await reader.catchUp(&known.judge, &known.cursors)
                replay.judge = known
            } else {
                replay.judge = try await reader.judge(
                    record.selection, in: record.letters, discards: book.discards, replay: id)
            }
            let batch =
                switch replay.machine.need(at: clock.now) {
                case .canary(let each): try await canary(each, replay, reader)
                case .letters(let most): try await letters(min(most, replay.limit), replay, reader)
                case .time, .results, .nothing: LetterBatch()
                }
            try await send(batch, replay, session)
        } catch let error as LogError where error != .closed && (!error.mayPass || isForeign(record)) {
            // What one replay cannot read or write ends that replay, and holds up no other.
            logger.warning("a replay stops", metadata: ["replay": "\(id)", "error": "\(error)"])
            replays[id]?.machine.fail("\(error)", wall: clock.wall)
        }
    }

    private func isForeign(_ replay: ReplayRecord) -> Bool { replay.topic != layout.deadLetters }

    private func send(_ batch: LetterBatch, _ replay: RunningReplay, _ session: any LogSession) async throws {
        var replay = replay
        let id = replay.machine.replay.id
        replay.machine.took(
            appended: batch.requests.count, size: batch.size, skipped: batch.skipped, unusable: batch.unusable,
            cursors: batch.cursors, isEnd: batch.isEnd, now: clock.now, wall: clock.wall)
        do {
            guard try await settle(batch.requests + [state(replay.machine).request(id, layout)], session) else {
                return
            }
        } catch let error as LogError where error.concernsRecords {
            guard batch.requests.count > 1 else {
                // One that the log does not take is left out.
                logger.warning("the log refuses a replayed task", metadata: ["replay": "\(id)", "error": "\(error)"])
                var rest = batch
                rest.unusable += batch.requests.count
                rest.requests = []
                rest.size = .zero
                guard !batch.requests.isEmpty, let before = replays[id] else { throw error }
                return try await send(rest, before, session)
            }
            // One by one, to find it.
            replays[id]?.limit = 1
            return
        }
        for letter in batch.letters {
            replay.judge?.judge.append(letter, isOwn: true)
            // Another replay may not see them yet, behind an open transaction.
            for other in replays.keys where other != id { replays[other]?.judge?.judge.append(letter, isOwn: false) }
        }
        replay.limit = min(ReplayMachine.largestBatch, replay.limit * 2)
        replays[id] = replay
        saved(id, replay.machine)
        tasks.add(Double(batch.requests.count), ["replayed"])
        tasks.add(Double(batch.skipped), ["skipped"])
        tasks.add(Double(batch.unusable), ["unusable"])
    }

    /// So many letters of each destination, from anywhere.
    private func canary(_ each: Int, _ replay: RunningReplay, _ reader: LetterReader) async throws -> LetterBatch {
        var batch = LetterBatch()
        var taken: [ByteText: Int] = [:]
        let record = replay.machine.replay
        batch.isEnd = true
        try await reader.each(record.selection, in: record.letters) { letter in
            guard let task = letter.task, let judge = replay.judge?.judge,
                taken[task.destination.label, default: 0] < each
            else { return }
            if !judge.isOwn(letter) {
                guard judge.judge(letter) == .due else { return }
                guard batch.requests.count < replay.limit else {
                    batch.isEnd = false
                    return
                }
                guard try add(letter, of: replay, to: &batch) else { return }
            }
            taken[task.destination.label, default: 0] += 1
        }
        return batch
    }

    /// The next letters, in order.
    private func letters(_ most: Int, _ replay: RunningReplay, _ reader: LetterReader) async throws -> LetterBatch {
        let record = replay.machine.replay
        var batch = LetterBatch()
        var cursors = replay.machine.state.cursors
        var looked = 0
        search: for (number, range) in record.letters.sorted(by: { $0.key < $1.key }) {
            var next = max(cursors[number] ?? range.lowerBound, range.lowerBound)
            while next < range.upperBound {
                guard batch.requests.count < most, looked < Self.mostLooked else { break search }
                let page = try await reader.page(number, from: next, to: range.upperBound, records: 500)
                for letter in page.letters {
                    guard batch.requests.count < most else { break }
                    try take(letter, of: replay, to: &batch)
                    looked += 1
                    next = letter.stored.position.offset + 1
                }
                if page.letters.last.map({ $0.stored.position.offset < next }) ?? true { next = max(next, page.next) }
                cursors[number] = next
            }
            cursors[number] = next
        }
        batch.cursors = cursors
        batch.isEnd = record.letters.allSatisfy { number, range in
            range.isEmpty || (cursors[number] ?? range.lowerBound) >= range.upperBound
        }
        return batch
    }

    private func take(_ letter: DeadLetter, of replay: RunningReplay, to batch: inout LetterBatch) throws {
        guard replay.machine.replay.selection.takes(letter), let judge = replay.judge?.judge else { return }
        switch judge.judge(letter) {
        case .due: if try !add(letter, of: replay, to: &batch) { batch.unusable += 1 }
        // Those of the canary, or of an earlier process whose state was lost.
        case .replayed where judge.isOwn(letter), .succeeded where judge.isOwn(letter): break
        case .replayed, .succeeded, .superseded, .discarded: batch.skipped += 1
        case .unusable: batch.unusable += 1
        }
    }

    /// - Returns: whether the letter's task can be replayed.
    private func add(_ letter: DeadLetter, of replay: RunningReplay, to batch: inout LetterBatch) throws -> Bool {
        guard var task = letter.task, let next = letter.generation?.next, batch.names.insert(next).inserted else {
            return false
        }
        let other = replay.machine.replay.destination
        if let other { task.destination.target = .named(other) }
        guard (try? TaskRules.check(task)) != nil, letter.stored.record.isMovable else { return false }
        batch.requests.append(
            try TaskRecord.replayed(
                letter.stored.record, task, isChanged: other != nil, generation: next.generation,
                to: routing.topic(of: task), replay: replay.machine.replay.id))
        batch.size += task.size
        batch.letters.append(letter)
        return true
    }
}
