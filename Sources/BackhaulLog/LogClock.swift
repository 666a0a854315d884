/// Time as a parameter: what the log and the stages ask for the hour and wait by.
package protocol LogClock: Sendable {
    /// Milliseconds since 1970.
    var now: Int64 { get }
    /// Returns once `now` has reached `instant`.
    /// - Throws: `CancellationError` when the calling task is cancelled first.
    func sleep(until instant: Int64) async throws
}
