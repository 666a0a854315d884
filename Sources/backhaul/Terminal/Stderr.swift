import BackhaulTelemetry
import Foundation

/// Messages to the user, on stderr.
enum Stderr {
    static func say(_ text: String) {
        try? FileHandle.standardError.write(
            contentsOf: Data("backhaul: \(TerminalText.safe(Redaction.clean(text)))\n".utf8))
    }

    static var isTerminal: Bool { isatty(STDERR_FILENO) == 1 }
}
