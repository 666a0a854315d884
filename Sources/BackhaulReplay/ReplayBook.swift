package import BackhaulDomain
package import BackhaulLog
package import BackhaulRecords

/// All that the control topic says of replays and issues.
package struct ReplayBook: Sendable {
    package struct Entry: Hashable, Sendable {
        package var replay: ReplayRecord
        /// nil until a process has taken it up.
        package var state: ReplayState?
        package var order: ReplayOrder?
        /// Where that is in the control topic.
        package var orderOffset: Int64 = -1

        package init(replay: ReplayRecord, state: ReplayState? = nil, order: ReplayOrder? = nil) {
            self.replay = replay
            self.state = state
            self.order = order
        }

        /// The phase, for people: a replay that nobody has taken up waits.
        package var phase: String {
            if let state { return state.phase.rawValue }
            if replay.action == .discard { return ReplayState.Phase.done.rawValue }
            return replay.migration == nil ? "waiting" : ReplayState.Phase.cancelled.rawValue
        }
        /// Whether a discard holds: nobody has taken it back.
        package var isDiscard: Bool { replay.action == .discard && order?.kind != .cancel }
        /// Whether an order would change anything.
        package func takes(_ order: ReplayOrder.Kind) -> Bool {
            switch order {
            case .pause: isOpen && (state?.phase.isActive ?? true)
            // A cancel holds from when it is written, whether it is followed yet or not.
            case .resume:
                isOpen && self.order?.kind != .cancel && (state?.phase == .paused || state?.phase == .stopped)
            case .cancel: isOpen || isDiscard
            }
        }

        /// Whether a process has something to do for it.
        package var isOpen: Bool {
            replay.action == .replay && replay.migration == nil && state?.phase.isOver != true
        }
    }

    package private(set) var entries: [String: Entry] = [:]
    package private(set) var mutes: [String: IssueMute] = [:]
    /// Records that could not be read, with why.
    package private(set) var problems: [LogPosition: RecordError] = [:]
    private var states: [String: ReplayState] = [:]
    private var orders: [String: (order: ReplayOrder, offset: Int64)] = [:]

    package init() {}

    /// Reads the whole topic.
    /// - Throws: `LogError`.
    package static func read(_ log: any MessageLog, _ layout: TopicLayout) async throws -> ReplayBook {
        var book = ReplayBook()
        let partition = TopicPartition(topic: layout.control, partition: 0)
        try await log.scan(partition, to: try await log.decided(partition)) { records in
            for stored in records { book.note(stored) }
        }
        return book
    }

    /// - Returns: whether the record is about a replay or an issue.
    @discardableResult
    package mutating func note(_ stored: StoredRecord) -> Bool {
        do {
            guard let (key, content) = try ControlRecord.read(stored.record) else { return false }
            note(key, content, at: stored.position.offset)
        } catch {
            problems[stored.position] = error
        }
        return true
    }

    /// - Parameter offset: of the record.
    package mutating func note(_ key: ControlRecord.Key, _ content: ControlRecord.Content, at offset: Int64) {
        switch (key, content) {
        case (.replay(let id), .replay(let replay)):
            // Written once: another record under the id is not a change of it.
            if entries[id] == nil {
                entries[id] = Entry(replay: replay, state: states[id], order: orders[id]?.order)
                entries[id]?.orderOffset = orders[id]?.offset ?? -1
            }
        case (.replay(let id), _): entries[id] = nil
        case (.replayState(let id), .state(let state)):
            states[id] = state
            entries[id]?.state = state
        case (.replayState(let id), _):
            states[id] = nil
            entries[id]?.state = nil
        case (.replayOrder(let id), .order(let order)):
            orders[id] = (order, offset)
            entries[id]?.order = order
            entries[id]?.orderOffset = offset
        case (.replayOrder(let id), _):
            orders[id] = nil
            entries[id]?.order = nil
        case (.mute(let issue), .mute(let mute)): mutes[issue] = mute
        case (.mute(let issue), _): mutes[issue] = nil
        case (.turn, _): return
        }
    }

    /// Oldest first.
    package var sorted: [Entry] {
        entries.values.sorted { ($0.replay.at, $0.replay.id) < ($1.replay.at, $1.replay.id) }
    }

    /// The discards that hold.
    package var discards: [ReplayRecord] { sorted.filter(\.isDiscard).map(\.replay) }
}
