/// Which refused requests are logged, so that a flood of them fills no disk; pure, the time is a parameter.
///
/// Of each network and code the first refusals of a minute are logged, and of all together a limited number. The next
/// line of that network and code tells how many were left out.
struct RefusalLog: Sendable {
    struct Key: Hashable, Sendable {
        var network: ClientNetwork
        var code: String
    }

    private struct Count {
        var since: ContinuousClock.Instant
        var lines = 0
        var omitted = 0
    }

    static let period = Duration.seconds(60)
    /// Lines a period of each network and code.
    static let linesPerKey = 5
    /// Lines a period in total.
    static let lines = 200
    /// Maximum keys remembered; beyond it the period begins again for all.
    static let memory = 10_000

    private var counts: [Key: Count] = [:]
    private var total: Count?

    /// - Returns: how many refusals of this key were left out before this one; nil to leave out this one too.
    mutating func omitted(before key: Key, _ time: ContinuousClock.Instant) -> Int? {
        var all = total ?? Count(since: time)
        if time - all.since >= Self.period { all = Count(since: time) }
        if counts.count >= Self.memory, counts[key] == nil { counts = [:] }
        var count = counts[key] ?? Count(since: time)
        if time - count.since >= Self.period { count = Count(since: time, omitted: count.omitted) }
        defer {
            counts[key] = count
            total = all
        }
        guard count.lines < Self.linesPerKey, all.lines < Self.lines else {
            count.omitted += 1
            return nil
        }
        count.lines += 1
        all.lines += 1
        defer { count.omitted = 0 }
        return count.omitted
    }
}
