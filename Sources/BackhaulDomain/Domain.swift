/// Valid ranges of numbers from outside. Values from HTTP, a command line, a record, a row or a file are checked
/// against them on entry and at every decode. Sums and differences of valid values cannot overflow.
package enum Domain {
    /// Milliseconds since 1970, up to the end of the year 9999.
    package static let times: ClosedRange<Int64> = 0...253_402_300_799_999
    /// File sizes in bytes, up to 8 PiB: the whole numbers that every JSON reader represents exactly (RFC 8259,
    /// section 6).
    package static let sizes: ClosedRange<UInt64> = 0...(1 << 53 - 1)
    /// Generations, attempts and crashes.
    package static let counts: ClosedRange<Int> = 0...Int(Int32.max)
    /// Counts one more attempt or crash. Saturates, since a record with a larger count could not be read.
    package static func counting(_ count: Int) -> Int { min(count.addingClamped(1), counts.upperBound) }

    /// Waits in milliseconds, up to 400 days.
    package static let waits: ClosedRange<Int64> = 0...(400 * 86_400_000)
    /// HTTP status codes (RFC 9110, section 15).
    package static let statuses: ClosedRange<Int> = 100...999
    /// Maximum bytes of a name that is only displayed: workers, verifications, kinds of failure.
    package static let longestLabel = 512

    /// Limits a time in milliseconds since 1970 to `times`.
    package static func time(_ milliseconds: Int64) -> Int64 {
        min(max(milliseconds, times.lowerBound), times.upperBound)
    }
}

extension String {
    /// Truncates to at most `limit` bytes of UTF-8, at a scalar boundary. Bytes, since few characters may have any
    /// number of them.
    package func bounded(toBytes limit: Int) -> String {
        guard utf8.count > limit else { return self }
        var end = utf8.index(startIndex, offsetBy: limit)
        // Moves back to the start of a scalar.
        while end > startIndex, utf8[end] & 0xc0 == 0x80 { end = utf8.index(before: end) }
        return String(self[..<end])
    }
}
