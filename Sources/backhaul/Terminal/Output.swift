import ArgumentParser
import BackhaulUnits
import Foundation
import Synchronization

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

    static let isTerminal = isatty(STDOUT_FILENO) == 1
    private static let buffered = Mutex<[UInt8]>([])

    /// Writes a line of a program's output as it is.
    static func write(_ line: Data) {
        let isFull = buffered.withLock { buffer in
            buffer += line
            buffer.append(UInt8(ascii: "\n"))
            return buffer.count >= 64 << 10
        }
        if isFull || isTerminal { flush() }
    }

    /// Writes a part of a line that another write ends.
    static func part(_ text: String) {
        let isFull = buffered.withLock { buffer in
            buffer += text.utf8
            return buffer.count >= 64 << 10
        }
        if isFull { flush() }
    }

    /// Writes a line of text for people; what a terminal could take for a command is escaped.
    static func line(_ text: String) { write(Data(TerminalText.safe(text).utf8)) }

    /// Writes out what is buffered. A reader of a pipe needs the lines at once.
    static func flush() {
        let bytes = buffered.withLock { buffer in
            defer { buffer = [] }
            return buffer
        }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Foundation.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { fail(errno) }
            rest = rest.dropFirst(count)
        }
    }

    /// Ends the process: what was asked for cannot be given.
    private static func fail(_ code: Int32) -> Never {
        // The reader has seen enough, as in `backhaul results | head`.
        if code != EPIPE { Stderr.say("error: the output cannot be written: \(String(cString: strerror(code)))") }
        _exit(ProcessExit.failed.rawValue)
    }

    /// Prints a table with aligned columns; the first row is the header.
    static func table(_ rows: [[String]]) {
        let rows = rows.map { $0.map(TerminalText.safe) }
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
            line(cells.joined(separator: "  "))
        }
    }
}
