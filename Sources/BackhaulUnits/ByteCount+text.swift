extension ByteCount {
    private static let units: [String: UInt64] = [
        "": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
    ]

    /// A size as people write it: `65536`, `64KiB`, `1GiB`; nil for another text.
    package init?(text: String) {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let number = UInt64(digits), let unit = Self.units[String(text.dropFirst(digits.count))] else {
            return nil
        }
        let (bytes, overflows) = number.multipliedReportingOverflow(by: unit)
        guard !overflows else { return nil }
        self.init(bytes)
    }
}
