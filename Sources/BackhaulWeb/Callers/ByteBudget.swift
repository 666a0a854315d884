internal import BackhaulUnits

/// How many bytes a tenant may submit now; pure, the time is a parameter.
///
/// A bucket that holds a day's bytes and fills as fast as they may be used. A file is taken while the bucket is not
/// empty, even if it is larger than what is left, or than the bucket: the tenant then waits until the debt is paid.
struct ByteBudget: Hashable, Sendable {
    private static let day = 86_400.0

    /// Bytes of a day.
    private let capacity: Double
    private var level: Double
    private var at: Timestamp

    init(perDay: ByteCount, now: Timestamp) {
        capacity = Double(perDay.bytes)
        level = capacity
        at = now
    }

    /// Takes files from the first on.
    /// - Returns: how many were taken, and the seconds after which one more can be.
    mutating func take(_ sizes: some Sequence<ByteCount>, now: Timestamp) -> (taken: Int, retryAfter: Int) {
        level = min(capacity, level + max(.zero, now - at).inSeconds / Self.day * capacity)
        at = max(at, now)
        var taken = 0
        for size in sizes {
            guard level > 0 else { break }
            level -= Double(size.bytes)
            taken += 1
        }
        // A debt of many days, as of one huge file, is told as a day.
        let wait = min(Self.day, max(1, (-level / capacity * Self.day).rounded(.up)))
        return (taken, Int(wait))
    }

    /// Gives back what was not accepted after all.
    mutating func giveBack(_ size: ByteCount) { level = min(capacity, level + Double(size.bytes)) }
}
