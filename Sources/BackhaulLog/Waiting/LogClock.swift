/// The clock that the log and the stages read and wait by. It has two readings, since a machine's clock may be
/// wrong and be corrected.
package protocol LogClock: Sendable {
    /// Milliseconds since 1970 for delays and ages. Advances with the monotonic clock: a correction of the
    /// machine's clock neither changes a wait nor ages a record.
    var now: Int64 { get }
    /// Milliseconds since 1970 for timestamps that people read and deadlines that they set: the machine's clock,
    /// corrections included.
    var wall: Int64 { get }
    /// Returns once `now` has reached `instant`, in milliseconds since 1970.
    /// - Throws: `CancellationError` when the calling task is cancelled first.
    func sleep(until instant: Int64) async throws
}

extension LogClock {
    /// For a clock with one reading.
    package var wall: Int64 { now }
}
