/// Times in results and tables: RFC 3339, UTC, milliseconds.
package enum TimeText {
    package static func format(_ time: Timestamp) -> String {
        let (days, rest) = Int(time.milliseconds).quotientAndRemainder(dividingBy: 86_400_000)
        // Howard Hinnant, "chrono-compatible low-level date algorithms", civil_from_days.
        let z = days + 719_468
        let era = z / 146_097
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
