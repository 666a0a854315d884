/// A point in time in milliseconds since 1970-01-01T00:00:00Z, from then to the end of the year 9999. Arithmetic stays
/// within that range, so that no time from outside can overflow.
package struct Timestamp: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// 1970-01-01T00:00:00Z.
    package static let earliest = Timestamp(unchecked: 0)
    /// 9999-12-31T23:59:59.999Z.
    package static let latest = Timestamp(unchecked: 253_402_300_799_999)

    /// Milliseconds since 1970, for codecs and storage.
    package let milliseconds: Int64

    private init(unchecked milliseconds: Int64) {
        self.milliseconds = milliseconds
    }

    /// The nearest valid time.
    package init(clamping milliseconds: Int64) {
        self.milliseconds = min(max(milliseconds, Self.earliest.milliseconds), Self.latest.milliseconds)
    }

    /// nil for milliseconds that are out of range.
    package init?(exactly milliseconds: Int64) {
        guard milliseconds >= Self.earliest.milliseconds, milliseconds <= Self.latest.milliseconds else { return nil }
        self.milliseconds = milliseconds
    }

    /// RFC 3339, UTC, milliseconds.
    package var description: String { TimeText.format(self) }

    package static func < (left: Timestamp, right: Timestamp) -> Bool { left.milliseconds < right.milliseconds }

    /// Rounds the duration towards zero, to milliseconds.
    package static func + (time: Timestamp, duration: Duration) -> Timestamp {
        Timestamp(clamping: time.milliseconds.addingClamped(duration.inMilliseconds))
    }

    /// Rounds the duration towards zero, to milliseconds.
    package static func - (time: Timestamp, duration: Duration) -> Timestamp {
        Timestamp(clamping: time.milliseconds.subtractingClamped(duration.inMilliseconds))
    }

    package static func - (later: Timestamp, earlier: Timestamp) -> Duration {
        // Both are within the range, so the difference fits.
        .milliseconds(later.milliseconds - earlier.milliseconds)
    }
}

/// A number of milliseconds. Decoding limits it to the valid range.
extension Timestamp: Codable {
    package init(from decoder: any Decoder) throws {
        self.init(clamping: try decoder.singleValueContainer().decode(Int64.self))
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(milliseconds)
    }
}
