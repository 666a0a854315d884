/// The time of an embedded log: what its records are stamped with, and what their ages and delays go by; pure.
///
/// It moves on with the monotonic clock and, over a time in which the machine was off, by the wall clock; but only by a gap
/// that is believable. A wall clock that jumps (a dead battery, a wrong date in the firmware, a correction by NTP) moves
/// nothing: the jump is shown until an operator says what it was. So no single reading of a clock can make anything old.
struct LogTime: Hashable, Sendable {
    /// The clocks of the machine, read together.
    struct Reading: Hashable, Sendable {
        /// Milliseconds since 1970, as the wall clock shows.
        var wall: Int64
        /// Milliseconds since the machine started, sleep included.
        var boot: Int64
        /// Which start of the machine it is.
        var bootID: String
    }

    /// What an operator says about a jump.
    enum Answer: String, Sendable, CaseIterable {
        /// The time has passed: ages and delays move on by it.
        case passed
        /// The clock was wrong, before or now: nothing ages, and what it shows now is taken for right.
        case wrong
    }

    /// Milliseconds since 1970 at `boot`.
    var time: Int64
    var boot: Int64
    var bootID: String
    /// By how much the wall clock is ahead of the log's time when both are right.
    var offset: Int64
    /// By how much the wall clock differs from what it should show; 0 when it does not.
    var jump: Int64

    /// Milliseconds that a wall clock may be off without a word: it is corrected in small steps all the time.
    static let tolerance: Int64 = 300_000

    /// The time of a fresh log.
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

    /// The time at a reading.
    func now(_ boot: Int64) -> Int64 { time + max(0, boot - self.boot) }

    /// Brings the time up to a reading.
    /// - Parameter largestGap: milliseconds that the machine may have been off without an operator's word.
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

    /// An operator has said what the jump was.
    mutating func settle(_ answer: Answer) {
        if answer == .passed, jump > 0 { time += jump } else { offset += jump }
        jump = 0
    }
}
