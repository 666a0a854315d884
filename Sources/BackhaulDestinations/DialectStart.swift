package import BackhaulUnits

/// What a dialect begins with.
package struct DialectStart: Hashable, Sendable {
    /// By the wall clock.
    package var now: Timestamp
    /// What an earlier attempt of the same task generation saved last, perhaps on another worker; nil for nothing.
    /// Anyone may have written it.
    package var state: [UInt8]?

    package init(now: Timestamp, state: [UInt8]? = nil) {
        self.now = now
        self.state = state
    }
}
