import BackhaulDomain
import BackhaulLog
import BackhaulUnits

/// The value of an option that takes a point in time.
enum MomentArgument {
    /// - Parameter text: how long ago, such as `2d`, or a time as RFC 3339 has it, such as `2026-11-30T10:00:00Z`.
    /// - Returns: nil for an option that was not given.
    /// - Throws: `CommandError`.
    static func parse(_ text: String?, _ option: String) throws -> Timestamp? {
        guard let text else { return nil }
        if let duration = DurationText.parse(text) { return SystemLogClock.wall - duration }
        if let time = TimeText.parse(text) { return time.timestamp }
        throw CommandError(
            "\(option) \(text): give how long ago, such as 2d, or a time such as 2026-11-30T10:00:00Z", exit: .usage)
    }
}
