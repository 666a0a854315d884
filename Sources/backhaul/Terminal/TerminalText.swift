/// Text of others on a terminal.
enum TerminalText {
    /// The text with U+FFFD in place of what a terminal could take for a command or a new line: control and format
    /// characters, bidirectional ones among them.
    static func safe(_ text: String) -> String {
        var shown = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator: shown.append("\u{fffd}")
            default: shown.append(scalar)
            }
        }
        return String(shown)
    }
}
