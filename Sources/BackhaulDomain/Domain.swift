package import BackhaulUnits

/// Valid ranges of numbers from outside. Values from HTTP, a command line, a record, a row or a file are checked
/// against them on entry and at every decode. Sums and differences of valid values cannot overflow.
package enum Domain {
    /// The largest file, 8 PiB: a size is one of the whole numbers that every JSON reader represents exactly (RFC 8259,
    /// section 6).
    package static let largestFile = ByteCount(1 << 53 - 1)
    /// Generations, attempts and crashes.
    package static let counts: ClosedRange<Int> = 0...Int(Int32.max)
    /// Counts one more attempt or crash. Saturates, since a record with a larger count could not be read.
    package static func counting(_ count: Int) -> Int { min(count.addingClamped(1), counts.upperBound) }

    /// The longest wait: 400 days.
    package static let longestWait = Duration.seconds(400 * 86_400)
    /// HTTP status codes (RFC 9110, section 15).
    package static let statuses: ClosedRange<Int> = 100...999
    /// Maximum bytes of a name that is only displayed: workers, verifications, kinds of failure.
    package static let longestLabel = 512

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
