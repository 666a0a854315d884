/// File times as stored in records.
package enum FileTime {
    /// Nanoseconds since 1970, limited to what `Int64` holds (1677 to 2262), since a file may have any time.
    package static func nanoseconds(seconds: Int, nanoseconds: Int) -> Int64 {
        let (product, overflow) = Int64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return seconds < 0 ? .min : .max }
        let (sum, carries) = product.addingReportingOverflow(Int64(nanoseconds))
        return carries ? .max : sum
    }
}
