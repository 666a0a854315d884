package import BackhaulUnits

/// The slowest client that is tolerated; pure.
package struct ClientPace: Hashable, Sendable {
    /// How much of a body arrived, and how long the server waited for it.
    struct Meter: Hashable, Sendable {
        var size = ByteCount.zero
        var waited = Duration.zero
    }

    /// Minimum bytes per second of a body, over the time that the server waited for it.
    package var bytesPerSecond: ByteCount
    /// The waiting before the minimum applies.
    package var grace: Duration
    /// How long a client may read nothing of its response.
    package var longestStandstill: Duration
    /// How long the head of a request may take, from the connection or the last answer on.
    package var longestHead: Duration

    package init(
        bytesPerSecond: ByteCount = ByteCount(256), grace: Duration = .seconds(10),
        longestStandstill: Duration = .seconds(60), longestHead: Duration = .seconds(30)
    ) {
        self.longestHead = longestHead
        self.bytesPerSecond = bytesPerSecond
        self.grace = grace
        self.longestStandstill = longestStandstill
    }

    func isTooSlow(_ meter: Meter) -> Bool {
        guard meter.waited >= grace else { return false }
        // The second that has begun counts in full.
        let seconds = Double((meter.waited - grace).components.seconds + 1)
        return Double(meter.size.bytes) < seconds * Double(bytesPerSecond.bytes)
    }

    func isStuck(_ standstill: Duration) -> Bool { standstill >= longestStandstill }
}
