/// The slowest client that is tolerated; pure.
package struct ClientPace: Hashable, Sendable {
    /// How much of a body arrived, and how long the server waited for it.
    struct Meter: Hashable, Sendable {
        var bytes: Int64 = 0
        /// Nanoseconds.
        var waited: Int64 = 0
    }

    /// Minimum bytes per second of a body, over the time that the server waited for it.
    package var bytesPerSecond: Int64
    /// Seconds of waiting before the minimum applies.
    package var grace: Int64
    /// Seconds for which a client may read nothing of its response.
    package var longestStandstill: Int64

    package init(bytesPerSecond: Int64 = 256, grace: Int64 = 10, longestStandstill: Int64 = 60) {
        self.bytesPerSecond = bytesPerSecond
        self.grace = grace
        self.longestStandstill = longestStandstill
    }

    func isTooSlow(_ meter: Meter) -> Bool {
        let seconds = meter.waited / 1_000_000_000
        guard seconds >= grace else { return false }
        return meter.bytes < (seconds - grace + 1) * bytesPerSecond
    }

    func isStuck(nanoseconds: Int64) -> Bool { nanoseconds / 1_000_000_000 >= longestStandstill }
}
