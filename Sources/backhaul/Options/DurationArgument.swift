import BackhaulDomain

/// The value of an option that takes a duration.
enum DurationArgument {
    /// - Returns: nil for an option that was not given.
    /// - Throws: `CommandError` for a text that is not a duration.
    static func parse(_ text: String?, _ option: String) throws -> Duration? {
        guard let text else { return nil }
        guard let duration = DurationText.parse(text) else {
            throw CommandError("\(option) \(text): give a duration such as 30m or 2d", exit: .usage)
        }
        return duration
    }
}
