/// How long requests about tasks may take before the caller is told to ask again.
package struct QueryLimits: Hashable, Sendable {
    /// How long a status request waits for the view to reach the position in `after`; then it is answered with
    /// 409.
    package var position: Duration
    /// How long a cancel waits for its result; then it is answered with 202.
    package var cancel: Duration
    /// One query of the log and the view together; then it is answered with 503.
    package var query: Duration

    package init(position: Duration = .seconds(3), cancel: Duration = .seconds(5), query: Duration = .seconds(8)) {
        self.position = position
        self.cancel = cancel
        self.query = query
    }
}
