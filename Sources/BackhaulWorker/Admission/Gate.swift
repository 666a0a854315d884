internal import BackhaulLog
package import BackhaulUnits

/// What admission knows of one place or one source root.
package struct Gate: Sendable {
    package var running = 0
    package var breaker = Breaker()
    /// The attempt that tests an open breaker.
    var probe: DeliveryReference?
    /// When an attempt last worked; nil when none has.
    package var workedAt: Timestamp?
    /// When an attempt last worked or got on.
    var aliveAt: Timestamp?
    /// When an attempt last ended.
    var endedAt: Timestamp?

    /// For so long after its last sign of life a place counts as one that works.
    static let memory = Duration.seconds(30)

    func isProven(_ now: Timestamp) -> Bool { aliveAt.map { now - $0 < Self.memory } ?? false }

    var isForgettable: Bool { running == 0 && breaker.isPristine && probe == nil }

    /// Whether one more attempt may begin, if `normal` may run while the breaker is closed.
    func admits(normal: Int, _ now: Timestamp) -> Bool {
        if case .open(let until) = breaker.state { return probe == nil && until <= now }
        return running < breaker.limit(normal: normal)
    }
}
