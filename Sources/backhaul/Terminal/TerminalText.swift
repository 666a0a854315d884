/// Text of others on a terminal.
enum TerminalText {
    /// The text with escapes such as `\\n` and `\\x1b` in place of what a terminal could take for a command or a new
    /// line: control and format characters, bidirectional ones among them.
    static func safe(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isUnsafe) else { return text }
        var shown = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case _ where !isUnsafe(scalar): shown.unicodeScalars.append(scalar)
            case "\n": shown += "\\n"
            case "\r": shown += "\\r"
            case "\t": shown += "\\t"
            case _ where scalar.value < 256:
                let digits = String(scalar.value, radix: 16)
                shown += "\\x" + (digits.count == 1 ? "0" : "") + digits
            default: shown += "\\u{" + String(scalar.value, radix: 16) + "}"
            }
        }
        return shown
    }

    private static func isUnsafe(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: true
        default: false
        }
    }
}
