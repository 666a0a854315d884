internal import BackhaulDomain
package import BackhaulRecords
package import BackhaulUnits

/// Decides how one replay goes on: what happened in, what to do out. No I/O, no clock.
///
/// A canary of each destination goes first, and its results decide whether the rest follows; then the rate grows to its
/// value; then the last results are awaited. It stops by itself when the failed share of the results since it began, or
/// since an operator resumed it, is too large.
package struct ReplayMachine: Hashable, Sendable {
    /// What the replay needs next.
    package enum Need: Hashable, Sendable {
        /// Letters for the canary: so many of each destination, from anywhere, those that were sent before included.
        case canary(each: Int)
        /// At most so many letters, in order.
        case letters(Int)
        /// Time, until then.
        case time(Timestamp)
        /// Results, orders, or time.
        case results(until: Timestamp?)
        case nothing
    }

    package let replay: ReplayRecord
    package private(set) var state: ReplayState
    /// When this process began to send, and how much was sent then: the pace begins again with each process and each
    /// order, since nobody knows what the destination did meanwhile.
    private var begun: Timestamp?
    private var sentBefore = 0
    /// When the canary was sent.
    private var canarySentAt: Timestamp?

    /// The most tasks of one batch.
    package static let largestBatch = 500

    /// - Parameters:
    ///   - state: what was written last; nil for a replay that nobody has taken up.
    ///   - wall: the wall clock, as everywhere below; `now` is the steady one.
    package init(_ replay: ReplayRecord, _ state: ReplayState?, wall: Timestamp) {
        self.replay = replay
        self.state =
            state
            ?? ReplayState(
                phase: replay.pace.canary > 0 ? .canary : .sending, at: wall,
                cursors: replay.letters.mapValues(\.lowerBound))
    }

    package func need(at now: Timestamp) -> Need {
        switch state.phase {
        case .paused, .stopped, .cancelled, .done: return .nothing
        case .canary:
            guard let canarySentAt else { return .canary(each: replay.pace.canary) }
            return .results(until: canarySentAt + replay.pace.patience)
        case .sending:
            guard let allowed = replay.pace.allowance(after: now - (begun ?? now)) else {
                return .letters(Self.largestBatch)
            }
            let sent = state.counts.appended - sentBefore
            let most = Int(min(allowed, 1e9).rounded(.down)) - sent
            if begun == nil || most >= 1 { return .letters(min(max(1, most), Self.largestBatch)) }
            return .time((begun ?? now) + replay.pace.time(of: sent + 1) + .milliseconds(1))
        case .finishing: return .results(until: nil)
        }
    }

    /// Letters were taken: those that are due are appended with the state.
    /// - Parameters:
    ///   - cursors: the first letters that were not looked at; nil for a canary, which takes them from anywhere.
    ///   - isEnd: whether there are no more.
    package mutating func took(
        appended: Int, size: ByteCount, skipped: Int, unusable: Int, cursors: [Int: Int64]?, isEnd: Bool,
        now: Timestamp, wall: Timestamp
    ) {
        state.counts.appended += appended
        state.counts.appendedSize += size
        state.counts.skipped += skipped
        state.counts.unusable += unusable
        if state.phase == .canary {
            if isEnd { canarySentAt = now }
            // Nothing was due: there is nothing to wait for.
            if isEnd, state.counts.appended == 0 { enter(.sending, wall: wall) }
        } else {
            if let cursors { state.cursors = cursors }
            if begun == nil {
                begun = now
                sentBefore = state.counts.appended - appended
            }
        }
        if isEnd, cursors != nil, state.phase == .sending { enter(.finishing, wall: wall) }
        look(now: now, wall: wall)
    }

    /// The results of the replay so far, all of them.
    package mutating func counted(succeeded: Int, failed: Int, other: Int, now: Timestamp, wall: Timestamp) {
        // Results age out: an owner that counts them again finds fewer.
        state.counts.succeeded = max(state.counts.succeeded, succeeded)
        state.counts.failed = max(state.counts.failed, failed)
        state.counts.other = max(state.counts.other, other)
        look(now: now, wall: wall)
    }

    /// Time has passed.
    package mutating func tick(now: Timestamp, wall: Timestamp) { look(now: now, wall: wall) }

    /// - Parameter offset: of the order in the control topic.
    package mutating func follow(_ order: ReplayOrder, at offset: Int64, now: Timestamp, wall: Timestamp) {
        // Delivered again to a later process.
        guard offset > state.orderOffset, !state.phase.isOver else { return }
        state.orderOffset = offset
        switch order.kind {
        case .pause:
            if state.phase.isActive { enter(.paused, "by \(order.by)", wall: wall) }
        case .cancel: enter(.cancelled, "by \(order.by)", wall: wall)
        case .resume:
            guard state.phase == .paused || state.phase == .stopped else { return }
            if state.phase == .stopped {
                // What has failed is known to the operator. A canary that failed is not tried again: the rest is.
                state.forgiven = state.counts.results
                state.forgivenFailed = state.counts.failed
                state.canaryPassed = true
            }
            begun = nil
            // Those that were sent are found again.
            canarySentAt = nil
            let isCanary = replay.pace.canary > 0 && !state.canaryPassed
            enter(isCanary ? .canary : isSent ? .finishing : .sending, wall: wall)
            look(now: now, wall: wall)
        }
    }

    /// Ends the replay, since a record that it needs cannot be written or read.
    package mutating func fail(_ reason: String, wall: Timestamp) { enter(.stopped, reason, wall: wall) }

    private var isSent: Bool {
        replay.letters.allSatisfy { number, range in
            range.isEmpty || (state.cursors[number] ?? range.lowerBound) >= range.upperBound
        }
    }

    /// Looks at the results.
    private mutating func look(now: Timestamp, wall: Timestamp) {
        let counts = state.counts
        let results = counts.results - state.forgiven
        let failed = counts.failed - state.forgivenFailed
        let share = results > 0 ? Double(failed) / Double(results) : 0
        let isTooMuch = replay.pace.stopShare.map { share >= $0 && failed > 0 } ?? false
        let what = "\(failed) of \(results) results are failures"
        switch state.phase {
        case .canary:
            guard let canarySentAt else { return }
            if counts.results >= counts.appended {
                guard !isTooMuch else { return enter(.stopped, "\(what) of the canary", wall: wall) }
                state.canaryPassed = true
                enter(.sending, wall: wall)
            } else if now - canarySentAt >= replay.pace.patience {
                enter(
                    .stopped,
                    "\(counts.appended - counts.results) of \(counts.appended) canary tasks have no result after "
                        + DurationText.format(replay.pace.patience), wall: wall)
            }
        case .sending:
            if isTooMuch, results >= ReplayPace.leastResults { enter(.stopped, what, wall: wall) }
        case .finishing:
            if counts.results >= counts.appended { enter(.done, wall: wall) }
        case .paused, .stopped, .cancelled, .done: return
        }
    }

    private mutating func enter(_ phase: ReplayState.Phase, _ reason: String = "", wall: Timestamp) {
        state.phase = phase
        state.reason = reason
        state.at = wall
    }
}
