/// The time of an embedded log, by which records are stamped, and ages and delays are measured; pure.
///
/// It advances with the monotonic clock, and across a power-off by the wall clock, but only by a believable gap. A jump
/// of the wall clock (a dead battery, a wrong date in the firmware, a correction by NTP) does not move it: the jump is
/// reported until an operator says what it was. So no single reading of a clock can make a record old.
struct LogTime: Hashable, Sendable {
    /// The machine's clocks, read together.
    struct Reading: Hashable, Sendable {
        /// Milliseconds since 1970, by the wall clock.
        var wall: Int64
        /// Milliseconds since the machine started, sleep included.
        var boot: Int64
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

    /// Milliseconds since 1970 at `boot`.
    var time: Int64
    var boot: Int64
    var bootID: String
    /// Milliseconds by which the wall clock is ahead of the log's time without a jump.
    var offset: Int64
    /// Milliseconds by which the wall clock differs from its expected time; 0 without a jump.
    var jump: Int64

    /// Milliseconds up to which a difference is not a jump: a wall clock is corrected in small steps all the time.
    static let tolerance: Int64 = 300_000

    /// The time of a new log.
    init(_ reading: Reading) {
        self.init(time: reading.wall, boot: reading.boot, bootID: reading.bootID, offset: 0, jump: 0)
    }

    init(time: Int64, boot: Int64, bootID: String, offset: Int64, jump: Int64) {
        self.time = time
        self.boot = boot
        self.bootID = bootID
        self.offset = offset
        self.jump = jump
    }

    /// The time at a reading of the monotonic clock.
    func now(_ boot: Int64) -> Int64 { time + max(0, boot - self.boot) }

    /// Advances the time to a reading.
    /// - Parameter largestGap: milliseconds that the machine may be off without an operator's confirmation.
    mutating func advance(to reading: Reading, largestGap: Int64) {
        if reading.bootID == bootID { time = now(reading.boot) }
        var drift = reading.wall - time - offset
        if reading.bootID != bootID, drift > 0, drift <= largestGap {
            time += drift
            drift = 0
        }
        boot = reading.boot
        bootID = reading.bootID
        if abs(drift) <= Self.tolerance {
            offset += drift
            drift = 0
        }
        jump = drift
    }

    /// Applies an operator's answer to the jump.
    mutating func settle(_ answer: Answer) {
        if answer == .passed, jump > 0 { time += jump } else { offset += jump }
        jump = 0
    }
}
