internal import Foundation

/// Formats sizes for people.
package enum SizeText {
    package static func format(_ size: ByteCount) -> String {
        var value = Double(size.bytes)
        var unit = "B"
        for next in ["KiB", "MiB", "GiB", "TiB"] where value >= 1_024 {
            value /= 1_024
            unit = next
        }
        return unit == "B" ? "\(size) B" : String(format: "%.1f %@", value, unit)
    }
}
