/// Which refusals are logged or recorded, so that a flood of them fills no disk; pure, the time is a parameter.
///
/// Of each key the first refusals of a minute are taken, and of all keys together a limited number. The next one of
/// that key tells how many were left out.
struct RefusalLog<Key: Hashable & Sendable>: Sendable {
    private struct Count {
        var since: ContinuousClock.Instant
        var lines = 0
        var omitted = 0
    }

    private let period = Duration.seconds(60)
    /// Maximum keys remembered; beyond it the period begins again for all.
    private let memory = 10_000
    private let perKey: Int
    private let perPeriod: Int
    private var counts: [Key: Count] = [:]
    private var total: Count?

    /// - Parameters:
    ///   - perKey: refusals a minute of each key.
    ///   - total: refusals a minute of all keys.
    init(perKey: Int, total: Int) {
        self.perKey = perKey
        perPeriod = total
    }

    /// - Returns: how many refusals of this key were left out before this one; nil to leave out this one too.
    mutating func omitted(before key: Key, _ time: ContinuousClock.Instant) -> Int? {
        var all = total ?? Count(since: time)
        if time - all.since >= period { all = Count(since: time) }
        if counts.count >= memory, counts[key] == nil { counts = [:] }
        var count = counts[key] ?? Count(since: time)
        if time - count.since >= period { count = Count(since: time, omitted: count.omitted) }
        defer {
            counts[key] = count
            total = all
        }
        guard count.lines < perKey, all.lines < perPeriod else {
            count.omitted += 1
            return nil
        }
        count.lines += 1
        all.lines += 1
        defer { count.omitted = 0 }
        return count.omitted
    }
}
