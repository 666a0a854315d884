/// The values that numbers from outside may have: whatever enters by HTTP, a command line, a record, a row or a file is held
/// against these, at the door and at every decode. Sums and differences of values inside cannot overflow.
package enum Domain {
    /// Milliseconds since 1970: to the end of the year 9999.
    package static let times: ClosedRange<Int64> = 0...253_402_300_799_999
    /// Bytes of a file: the whole numbers that every reader of JSON tells apart (RFC 8259, section 6), 8 PiB.
    package static let sizes: ClosedRange<UInt64> = 0...(1 << 53 - 1)
    /// Generations, attempts and crashes.
    package static let counts: ClosedRange<Int> = 0...Int(Int32.max)
    /// One attempt or crash more; a count that has reached its end stays there, since a record beyond it could not be read.
    package static func counting(_ count: Int) -> Int { min(count.addingClamped(1), counts.upperBound) }

    /// Milliseconds of a wait: 400 days.
    package static let waits: ClosedRange<Int64> = 0...(400 * 86_400_000)
    /// HTTP status codes (RFC 9110, section 15).
    package static let statuses: ClosedRange<Int> = 100...999
    /// Bytes of a name that is shown and never looked up: workers, verifications, kinds of failure.
    package static let longestLabel = 512

    /// A time that may come from anywhere, brought into its domain.
    package static func time(_ milliseconds: Int64) -> Int64 {
        min(max(milliseconds, times.lowerBound), times.upperBound)
    }
}

extension String {
    /// At most so many bytes of it, whole characters. A text of few characters may have any number of bytes.
    package func bounded(toBytes limit: Int) -> String {
        guard utf8.count > limit else { return self }
        var end = utf8.index(startIndex, offsetBy: limit)
        // Back to where a scalar begins.
        while end > startIndex, utf8[end] & 0xc0 == 0x80 { end = utf8.index(before: end) }
        return String(self[..<end])
    }
}
