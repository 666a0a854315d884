/// A file's time in nanoseconds since 1970, limited to what `Int64` holds (1677 to 2262), since a file may have any
/// time.
package struct FileTime: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Nanoseconds since 1970, for codecs and comparison with file systems.
    package let nanoseconds: Int64

    package init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    /// The nearest time that `Int64` holds.
    package init(seconds: Int, nanoseconds: Int) {
        let (product, overflow) = Int64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else {
            self.nanoseconds = seconds < 0 ? .min : .max
            return
        }
        self.nanoseconds = product.addingClamped(Int64(nanoseconds))
    }

    /// The same time in milliseconds.
    package var timestamp: Timestamp { Timestamp(clamping: nanoseconds / 1_000_000) }

    /// Whole seconds since 1970, rounded down, and the nanoseconds beyond them: the two fields of a `timespec`.
    package var parts: (seconds: Int, nanoseconds: Int) {
        let rest = nanoseconds % 1_000_000_000
        let seconds = nanoseconds / 1_000_000_000
        return rest < 0 ? (Int(seconds - 1), Int(rest + 1_000_000_000)) : (Int(seconds), Int(rest))
    }

    /// The nanoseconds alone.
    package var description: String { String(nanoseconds) }

    package static func < (left: FileTime, right: FileTime) -> Bool { left.nanoseconds < right.nanoseconds }
}
