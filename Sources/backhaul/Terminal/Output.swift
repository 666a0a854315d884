import ArgumentParser
import BackhaulUnits
import Foundation

/// The format of a command's data.
enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
    case text, json
}

/// Writes data to stdout.
enum Output {
    /// Writes one JSON object on a line.
    static func json(_ value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        write(try encoder.encode(value))
    }

    static func write(_ line: Data) {
        try? FileHandle.standardOutput.write(contentsOf: line + [UInt8(ascii: "\n")])
    }

    /// Prints a table with aligned columns; the first row is the header.
    static func table(_ rows: [[String]]) {
        var widths: [Int] = []
        for row in rows {
            for (index, cell) in row.enumerated() {
                if index == widths.count { widths.append(0) }
                widths[index] = max(widths[index], cell.count)
            }
        }
        for row in rows {
            let cells = row.enumerated().map { index, cell in
                index == row.count - 1 ? cell : cell + String(repeating: " ", count: widths[index] - cell.count)
            }
            print(cells.joined(separator: "  "))
        }
    }
}

/// Formats sizes for people.
enum SizeText {
    static func format(_ size: ByteCount) -> String {
        var value = Double(size.bytes)
        var unit = "B"
        for next in ["KiB", "MiB", "GiB", "TiB"] where value >= 1_024 {
            value /= 1_024
            unit = next
        }
        return unit == "B" ? "\(size) B" : String(format: "%.1f %@", value, unit)
    }
}
