internal import BackhaulUnits

/// Durations as text: a whole number and a unit, `500ms`, `10s`, `1m`, `6h`, `1d`.
package enum DurationText {
    private static let units: [(name: String, milliseconds: Int64)] = [
        ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1),
    ]

    /// Formats whole milliseconds with the largest unit that divides them.
    package static func format(_ duration: Duration) -> String {
        let milliseconds = duration.inMilliseconds
        for unit in units where milliseconds != 0 && milliseconds % unit.milliseconds == 0 {
            return "\(milliseconds / unit.milliseconds)\(unit.name)"
        }
        return "0s"
    }

    /// - Returns: nil when the text is not a duration or exceeds 400 days.
    package static func parse(_ text: String) -> Duration? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let number = Int64(digits), let unit = units.first(where: { $0.name == text.dropFirst(digits.count) })
        else { return nil }
        let (product, overflow) = number.multipliedReportingOverflow(by: unit.milliseconds)
        let duration = Duration.milliseconds(product)
        return overflow || duration > Domain.longestWait ? nil : duration
    }
}
