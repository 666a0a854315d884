/// Times in results and tables: RFC 3339, UTC, milliseconds.
package enum TimeText {
    /// - Parameter milliseconds: since 1970; limited to the years 1 to 9999.
    package static func format(_ milliseconds: Int64) -> String {
        // Years 1 to 9999: a record may contain any number.
        let milliseconds = min(max(milliseconds, -62_135_596_800_000), 253_402_300_799_999)
        let days = Int(milliseconds.floored(by: 86_400_000))
        let rest = Int(milliseconds - Int64(days) * 86_400_000)
        // Howard Hinnant, "chrono-compatible low-level date algorithms", civil_from_days.
        let z = days + 719_468
        let era = (z >= 0 ? z : z - 146_096) / 146_097
        let doe = z - era * 146_097
        let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365
        let doy = doe - (365 * yoe + yoe / 4 - yoe / 100)
        let mp = (5 * doy + 2) / 153
        let day = doy - (153 * mp + 2) / 5 + 1
        let month = mp < 10 ? mp + 3 : mp - 9
        let year = yoe + era * 400 + (month <= 2 ? 1 : 0)
        return String(unsafeUninitializedCapacity: 24) { buffer in
            var index = 0
            func put(_ number: Int, _ width: Int, then mark: UInt8) {
                var rest = number
                for place in stride(from: index + width - 1, through: index, by: -1) {
                    buffer[place] = UInt8(ascii: "0") + UInt8(rest % 10)
                    rest /= 10
                }
                buffer[index + width] = mark
                index += width + 1
            }
            put(year, 4, then: UInt8(ascii: "-"))
            put(month, 2, then: UInt8(ascii: "-"))
            put(day, 2, then: UInt8(ascii: "T"))
            put(rest / 3_600_000, 2, then: UInt8(ascii: ":"))
            put(rest / 60_000 % 60, 2, then: UInt8(ascii: ":"))
            put(rest / 1_000 % 60, 2, then: UInt8(ascii: "."))
            put(rest % 1_000, 3, then: UInt8(ascii: "Z"))
            return index
        }
    }
}

extension Int64 {
    /// The quotient rounded down, also for negative numbers.
    fileprivate func floored(by divisor: Int64) -> Int64 {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? quotient - 1 : quotient
    }
}
