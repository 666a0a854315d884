/// How slow a client may be; pure.
package struct ClientPace: Hashable, Sendable {
    /// What came of a body, and how long the server waited for it.
    struct Meter: Hashable, Sendable {
        var bytes: Int64 = 0
        /// Nanoseconds.
        var waited: Int64 = 0
    }

    /// Bytes a second that a body must bring, over the time that the server waited for it.
    package var bytesPerSecond: Int64
    /// Seconds for which nothing is asked of it.
    package var grace: Int64
    /// Seconds for which a client may take nothing of its answer.
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
