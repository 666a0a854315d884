/// File times as records hold them.
package enum FileTime {
    /// Nanoseconds since 1970; what lies beyond 1677 or 2262 is cut there, since any file may claim any time.
    package static func nanoseconds(seconds: Int, nanoseconds: Int) -> Int64 {
        let (product, overflow) = Int64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return seconds < 0 ? .min : .max }
        let (sum, carries) = product.addingReportingOverflow(Int64(nanoseconds))
        return carries ? .max : sum
    }
}
