import BackhaulReplay
import BackhaulUnits

extension IssueDocument {
    /// Prints issues for people, one a line with its example below.
    static func print(_ issues: [IssueDocument]) {
        guard !issues.isEmpty else { return }
        Output.table(
            [["issue", "letters", "due", "size", "failure", "status", "destination", "last seen", "24 h", "message"]]
                + issues.map { issue in
                    [
                        issue.issue, "\(issue.letters)", "\(issue.selected)", SizeText.format(ByteCount(issue.bytes)),
                        issue.failure, issue.httpStatus.map(String.init) ?? "-", issue.destination ?? "-",
                        issue.newest, trend(issue.hours),
                        issue.message + (issue.mutedBy.map { "  (muted by \($0))" } ?? ""),
                    ]
                })
        Output.line("")
        for issue in issues {
            let name = issue.example.taskId.map { "\(issue.example.tenant ?? "-")/\($0)" } ?? "no task"
            Output.line("\(issue.issue), for example \(name) \(issue.example.key ?? ""): \(issue.example.message)")
        }
    }

    /// The last 24 hours in eight columns of three hours each.
    private static func trend(_ hours: [Int]) -> String {
        let bars = Array("▁▂▃▄▅▆▇█")
        let columns = stride(from: 0, to: hours.count, by: 3).map { hours[$0..<min($0 + 3, hours.count)].reduce(0, +) }
        let most = columns.max() ?? 0
        guard most > 0 else { return "-" }
        return String(columns.map { $0 == 0 ? "." : bars[min(bars.count - 1, $0 * bars.count / most)] })
    }
}
