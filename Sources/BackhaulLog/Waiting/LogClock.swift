package import BackhaulUnits

/// The clock that the log and the stages read and wait by. It has two readings, since a machine's clock may be
/// wrong and be corrected.
package protocol LogClock: Sendable {
    /// For delays and ages. Advances with the monotonic clock: a correction of the
    /// machine's clock neither changes a wait nor ages a record.
    var now: Timestamp { get }
    /// For timestamps that people read and deadlines that they set: the machine's clock,
    /// corrections included.
    var wall: Timestamp { get }
    /// Returns once `now` has reached `instant`.
    /// - Throws: `CancellationError` when the calling task is cancelled first.
    func sleep(until instant: Timestamp) async throws
}

extension LogClock {
    /// For a clock with one reading.
    package var wall: Timestamp { now }
}
