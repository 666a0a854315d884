/// Reads ranges of HTTP statuses as people write them: `503`, `5xx` or `500-599`.
package enum StatusRange {
    /// - Returns: nil for anything else.
    package static func parse(_ text: String) -> ClosedRange<Int>? {
        let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
        if ends.count == 1, let one = ends[0], Domain.statuses.contains(one) { return one...one }
        if ends.count == 2, let first = ends[0], let last = ends[1], first <= last, Domain.statuses.contains(first),
            Domain.statuses.contains(last)
        {
            return first...last
        }
        let bytes = Array(text.utf8)
        guard bytes.count == 3, bytes[1] | 0x20 == UInt8(ascii: "x"), bytes[2] | 0x20 == UInt8(ascii: "x"),
            (UInt8(ascii: "1")...UInt8(ascii: "9")).contains(bytes[0])
        else { return nil }
        let first = Int(bytes[0] - UInt8(ascii: "0")) * 100
        return first...first + 99
    }
}
