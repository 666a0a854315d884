/// Time as a parameter: what the log and the stages ask for the hour and wait by. Two readings of it, since a machine's clock
/// may be wrong and be corrected.
package protocol LogClock: Sendable {
    /// Milliseconds since 1970 for delays and ages. It moves on with the monotonic clock: a correction of the machine's clock
    /// changes nothing that waits and makes nothing old.
    var now: Int64 { get }
    /// Milliseconds since 1970 for stamps that people read and for deadlines that they set: the machine's clock as it shows
    /// now, corrections included.
    var wall: Int64 { get }
    /// Returns once `now` has reached `instant`.
    /// - Throws: `CancellationError` when the calling task is cancelled first.
    func sleep(until instant: Int64) async throws
}

extension LogClock {
    /// A clock of which there is one reading.
    package var wall: Int64 { now }
}
