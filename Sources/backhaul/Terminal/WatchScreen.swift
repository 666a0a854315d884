import BackhaulDomain
import BackhaulUnits
import BackhaulView
import Foundation

/// The pictures of `watch` for people: redrawn in place on a terminal, one line each elsewhere.
struct WatchScreen {
    let isTerminal: Bool
    /// Lines of the last picture.
    private var drawn = 0

    init(isTerminal: Bool) { self.isTerminal = isTerminal }

    mutating func show(_ sample: WatchCommand.Sample, _ rate: WatchRate, now: Timestamp) {
        guard isTerminal else {
            Output.line("\(TimeText.format(now)) \(Self.summary(sample, rate))")
            Output.flush()
            return
        }
        let size = Self.size
        let lines = Self.lines(sample, rate, now: now).prefix(max(1, size.rows - 1)).map {
            String(TerminalText.safe($0).prefix(max(20, size.columns - 1)))
        }
        // Up to the first line of the last picture, and clear to the end of the screen.
        let up = drawn > 0 ? "\u{1B}[\(drawn)A" : ""
        Output.part("\(up)\r\u{1B}[J" + lines.map { $0 + "\n" }.joined())
        Output.flush()
        drawn = lines.count
    }

    private static func summary(_ sample: WatchCommand.Sample, _ rate: WatchRate) -> String {
        let counts = sample.counts
        let parts = [
            (counts.succeeded, "stored"), (counts.running, "uploading"), (counts.waiting, "waiting"),
            (counts.retrying, "retrying"), (counts.failed, "failed"), (counts.expired, "expired"),
            (counts.cancelled, "cancelled"),
        ].filter { $0.0 > 0 || $0.1 == "stored" }.map { "\($0.0) \($0.1)" }
        return "\(counts.accepted) \(counts.accepted == 1 ? "task" : "tasks"): \(parts.joined(separator: ", ")); "
            + String(format: "%.1f tasks/s, ", rate.tasks) + SizeText.format(ByteCount(clamping: Int64(rate.bytes)))
            + "/s"
    }

    private static func lines(_ sample: WatchCommand.Sample, _ rate: WatchRate, now: Timestamp) -> [String] {
        let counts = sample.counts
        var lines = [
            "\(TimeText.format(now))   \(SizeText.format(sample.storedSize)) stored",
            summary(sample, rate), ProgressBar.bar(counts.ended, of: counts.accepted), "",
        ]
        lines += sample.reasons.map { ReasonText.line($0, now: now) }
        if !sample.inFlight.isEmpty { lines.append("") }
        lines += sample.inFlight.map { task in
            let span = task.startedAt.map { ", for \(AgeText.format(now - $0))" } ?? ""
            let size = ProgressText.of(task) ?? SizeText.format(task.size)
            return "uploading \(task.key) to \(task.destination), \(size)\(span)"
        }
        if counts.failed > 0 { lines += ["", "\(counts.failed) failed; 'backhaul dead-letters list' shows why"] }
        return lines
    }

    /// Of the terminal; 24 by 80 where it does not say.
    private static var size: (rows: Int, columns: Int) {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_row > 0, size.ws_col > 0 else {
            return (24, 80)
        }
        return (Int(size.ws_row), Int(size.ws_col))
    }
}
