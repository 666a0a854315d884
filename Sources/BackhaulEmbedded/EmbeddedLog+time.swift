internal import BackhaulLog
package import BackhaulUnits
internal import GRDB
internal import Logging

/// The log's own time.
extension EmbeddedLog {
    /// The log's time and the machine's clock.
    package struct ClockState: Hashable, Sendable {
        /// By the log's own time.
        package var time: Timestamp
        /// By the machine's clock.
        package var wall: Timestamp
        /// By how much the machine's clock has jumped; zero when it has not.
        package var jump: Duration
    }

    package var clockState: ClockState {
        ClockState(time: clock.now, wall: clock.wall, jump: time?.time.jump ?? .zero)
    }

    /// Records an operator's answer to a jump of the machine's clock; the log's owner applies it at its next upkeep.
    /// - Parameter hasPassed: whether the time has passed, so that all records age by it; if not, the clock was wrong.
    package func settleJump(hasPassed: Bool) async throws {
        let answer: LogTime.Answer = hasPassed ? .passed : .wrong
        try await commit { database in try self.store.leave(answer, database) }
        if options.owns { try await maintain() }
    }

    /// Applies an operator's answer to a jump, as the upkeep of an owner does.
    package func applyAnswer() async throws {
        if let time { try await keep(time) }
    }

    /// The log's time at the start of this process.
    static func resume(_ store: Store, largestGap: Duration, _ logger: Logger) throws -> LogTime {
        do {
            let reading = LogTimeClock.reading
            let (kept, newest) = try store.pool.read { database in
                let kept = try store.time(database)
                return (kept, kept == nil ? try store.newest(store.loadCatalog(database), database) : nil)
            }
            // Without a time in the store, its newest record gives it; an empty log begins at the wall clock, and so
            // does one whose last records have no time.
            var time =
                kept
                ?? LogTime(
                    time: newest.flatMap { $0 > .earliest ? $0 : nil } ?? reading.wall, boot: reading.boot, bootID: "",
                    offset: .zero, jump: .zero)
            time.advance(to: reading, largestGap: largestGap)
            warn(time, logger)
            // All processes on the machine continue from this time, so the first one after a boot stores it.
            if kept?.bootID != reading.bootID {
                let fresh = time
                try store.pool.write { database in
                    // Another process may have stored it first.
                    if try store.time(database)?.bootID != reading.bootID { try store.keep(fresh, database) }
                }
            }
            return time
        } catch {
            throw Store.translate(error, folder: store.folder)
        }
    }

    func keep(_ time: LogTimeClock) async throws {
        guard options.owns else { return }
        if let answer = try await commit({ database in try self.store.takeAnswer(database) }) {
            time.settle(answer)
            logger.notice("the jump of the machine's clock is settled", metadata: ["answer": "\(answer.rawValue)"])
        }
        let (now, isNews) = time.look(largestGap: options.largestGap)
        if isNews { Self.warn(now, logger) }
        try await commit { database in try self.store.keep(now, database) }
    }

    private static func warn(_ time: LogTime, _ logger: Logger) {
        guard time.jump != .zero else { return }
        let advice =
            "correct the clock; or, if the time has passed, run 'backhaul clock --passed'; if the clock was wrong "
            + "before, run 'backhaul clock --wrong'"
        logger.warning(
            "the machine's clock has jumped; the log's own time is not affected, and nothing is deleted because of it",
            metadata: ["jump_s": "\(time.jump.components.seconds)", "do": "\(advice)"])
    }
}
