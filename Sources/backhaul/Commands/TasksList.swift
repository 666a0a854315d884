import ArgumentParser
import BackhaulDomain
import BackhaulLog
import BackhaulUnits
import BackhaulView
import BackhaulWeb

/// Lists tasks.
struct TasksList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List tasks, by tenant and in the order in which they were accepted.",
        discussion: """
            Examples:
              backhaul tasks list --state retrying --log embedded:///srv/backhaul
              backhaul tasks list --batch trip --state failed --output json --log embedded:///srv/backhaul | jq -r .key
            """)

    @OptionGroup var which: TaskFilterOptions

    @Option(help: "At most this many tasks; 0 for all.")
    var limit = 100

    @OptionGroup var view: ViewOptions

    func validate() throws {
        guard limit >= 0 else { throw ValidationError("--limit takes 0 or a number above it") }
    }

    func run() async throws {
        let which = try which.selection()
        let most = limit == 0 ? Int.max : limit
        let output = view.output
        try await view.viewing { view, _, _ in
            var shown = 0
            var rows: [[String]] = []
            let now = SystemLogClock.wall
            // One more, to know whether there are more.
            try await which.each(in: view, limit: limit == 0 ? nil : limit.addingClamped(1)) { tasks in
                for task in tasks {
                    shown += 1
                    guard shown <= most else { return }
                    if output == .json {
                        try Output.json(StatusDocument(task))
                    } else {
                        rows.append(Self.row(task, now))
                        if rows.count == Self.page { Self.print(&rows, isFirst: shown == rows.count) }
                    }
                }
            }
            if output == .text { Self.print(&rows, isFirst: shown <= Self.page) }
            Output.flush()
            if shown > most { Stderr.say("there are more; --limit 0 lists all") }
        }
    }

    /// So many rows have common column widths.
    private static let page = 1_000

    private static func print(_ rows: inout [[String]], isFirst: Bool) {
        guard !rows.isEmpty else { return }
        Output.table((isFirst ? [["STATE", "TRIES", "NEXT", "DESTINATION", "KEY", "LAST FAILURE"]] : []) + rows)
        rows = []
    }

    private static func row(_ task: TaskStatus, _ now: Timestamp) -> [String] {
        let next = task.nextAttemptAt.map { $0 > now ? AgeText.format($0 - now) : "now" }
        return [
            task.state.rawValue, "\(task.attempts)", next ?? "-", task.destination.text, task.key.text,
            task.failure?.description ?? "-",
        ]
    }
}
