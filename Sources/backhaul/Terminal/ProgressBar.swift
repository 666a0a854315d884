import Foundation

/// A progress line on stderr; prints nothing when stderr is not a terminal.
struct ProgressBar {
    private let isShown = Stderr.isTerminal && ProcessInfo.processInfo.environment["TERM"] != "dumb"
    private var shownAt = ContinuousClock.now - .seconds(1)

    /// Shows the text, at most ten times a second.
    mutating func show(_ text: @autoclosure () -> String) {
        guard isShown, ContinuousClock.now - shownAt > .milliseconds(100) else { return }
        shownAt = .now
        try? FileHandle.standardError.write(contentsOf: Data("\r\u{1B}[K\(text())".utf8))
    }

    /// Returns a bar that shows `done` of `total`.
    static func bar(_ done: Int, of total: Int, width: Int = 30) -> String {
        let filled = total == 0 ? width : min(width, done * width / total)
        return "[" + String(repeating: "#", count: filled) + String(repeating: "-", count: width - filled)
            + "] \(done)/\(total)"
    }

    func clear() {
        guard isShown else { return }
        try? FileHandle.standardError.write(contentsOf: Data("\r\u{1B}[K".utf8))
    }
}
