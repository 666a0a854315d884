internal import BackhaulUnits

/// The time of an embedded log, by which records are stamped, and ages and delays are measured; pure.
///
/// It advances with the monotonic clock, and across a power-off by the wall clock, but only by a believable gap. A jump
/// of the wall clock (a dead battery, a wrong date in the firmware, a correction by NTP) does not move it: the jump is
/// reported until an operator says what it was. So no single reading of a clock can make a record old.
struct LogTime: Hashable, Sendable {
    /// The machine's clocks, read together.
    struct Reading: Hashable, Sendable {
        /// By the wall clock.
        var wall: Timestamp
        /// Since the machine started, sleep included.
        var boot: Duration
        /// The id of this boot of the machine.
        var bootID: String
    }

    /// An operator's answer to a jump.
    enum Answer: String, Sendable, CaseIterable {
        /// The time has passed: ages and delays advance by it.
        case passed
        /// The clock was wrong, before or now: nothing ages, and its current time is accepted as correct.
        case wrong
    }

    /// The time at `boot`.
    var time: Timestamp
    var boot: Duration
    var bootID: String
    /// By how much the wall clock is ahead of the log's time without a jump.
    var offset: Duration
    /// By how much the wall clock differs from its expected time; zero without a jump.
    var jump: Duration

    /// The largest difference that is not a jump: a wall clock is corrected in small steps all the time.
    static let tolerance = Duration.seconds(300)

    /// The time of a new log.
    init(_ reading: Reading) {
        self.init(time: reading.wall, boot: reading.boot, bootID: reading.bootID, offset: .zero, jump: .zero)
    }

    init(time: Timestamp, boot: Duration, bootID: String, offset: Duration, jump: Duration) {
        self.time = time
        self.boot = boot
        self.bootID = bootID
        self.offset = offset
        self.jump = jump
    }

    /// The time at a reading of the monotonic clock.
    func now(_ boot: Duration) -> Timestamp { time + max(.zero, boot - self.boot) }

    /// Advances the time to a reading.
    /// - Parameter largestGap: how long the machine may be off without an operator's confirmation.
    mutating func advance(to reading: Reading, largestGap: Duration) {
        if reading.bootID == bootID { time = now(reading.boot) }
        var drift = reading.wall - time - offset
        if reading.bootID != bootID, drift > .zero, drift <= largestGap {
            time = time + drift
            drift = .zero
        }
        boot = reading.boot
        bootID = reading.bootID
        if max(drift, .zero - drift) <= Self.tolerance {
            offset += drift
            drift = .zero
        }
        jump = drift
    }

    /// Applies an operator's answer to the jump.
    mutating func settle(_ answer: Answer) {
        if answer == .passed, jump > .zero { time = time + jump } else { offset += jump }
        jump = .zero
    }
}
