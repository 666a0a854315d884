import BackhaulReplay
import BackhaulUnits

extension PlanDocument {
    /// Prints the plan for people.
    func print() {
        Output.line(
            "\(letters) dead letters match, \(selected) can be replayed (\(SizeText.format(ByteCount(bytes))))"
                + (oldest.map { "; the oldest is of \($0)" } ?? ""))
        func say(_ count: Int, _ what: String) { if count > 0 { Output.line("  \(count) \(what)") } }
        say(skipped, "were replayed before\(succeeded > 0 ? ", and \(succeeded) of them have been stored since" : "")")
        say(superseded, "are left out: another task has stored something newer under their keys")
        say(discarded, "were discarded")
        say(malformed, "letters hold no task that can be replayed, and stay")
        IssueDocument.print(issues)
    }
}
