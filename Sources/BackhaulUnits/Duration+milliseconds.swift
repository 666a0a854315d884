extension Duration {
    /// Whole milliseconds, for codecs, storage and C libraries: rounded towards zero, at most what `Int64` holds.
    package var inMilliseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflows) = seconds.multipliedReportingOverflow(by: 1_000)
        guard !overflows else { return seconds < 0 ? .min : .max }
        return product.addingClamped(attoseconds / 1_000_000_000_000_000)
    }

    /// Seconds with their fraction, for metrics.
    package var inSeconds: Double {
        let (seconds, attoseconds) = components
        return Double(seconds) + Double(attoseconds) / 1e18
    }
}
