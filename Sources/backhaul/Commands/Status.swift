import ArgumentParser
import BackhaulDomain
import BackhaulLog
import BackhaulView
import BackhaulWeb

/// Counts the tasks in each state, and says why some have not ended.
struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show how many tasks are in each state, and why some have not ended.",
        discussion: """
            What has not ended is grouped by what it waits for, with the oldest of each group and its next attempt. \
            'backhaul tasks list' has the tasks.

            Example: backhaul status --batch trip --log embedded:///srv/backhaul
            """)

    @Option(help: "Only this batch.")
    var batch: ByteText?

    @Option(help: "Only this tenant.")
    var tenant: ByteText?

    @OptionGroup var view: ViewOptions

    private struct Answer: Encodable {
        var counts: StatusCounts
        var reasons: [ReasonDocument]
        /// Records of the log that the view has not read.
        var viewLag: Int64

        private enum Key: CodingKey { case reasons, viewLag }

        func encode(to encoder: any Encoder) throws {
            try counts.encode(to: encoder)
            var container = encoder.container(keyedBy: Key.self)
            try container.encode(reasons, forKey: .reasons)
            try container.encode(viewLag, forKey: .viewLag)
        }
    }

    func run() async throws {
        let overview = try await view.viewing { view, _, address in
            let overview = try await view.overview(batch: batch, tenant: tenant, uploads: 0)
            if overview.counts.accepted == 0 { try await NameCheck.batch(batch, view) }
            if overview.counts.ended < overview.counts.accepted { address?.warnWithoutDaemon() }
            return overview
        }
        let (counts, reasons) = (overview.counts, overview.reasons)
        if overview.isNotablyBehind {
            Stderr.say("the view is \(overview.lag) records behind the log: what is newer is not counted yet")
        }
        if view.output == .json {
            return try Output.json(
                Answer(counts: counts, reasons: reasons.map(ReasonDocument.init), viewLag: overview.lag))
        }
        Output.table([
            ["STATE", "TASKS"], ["accepted", "\(counts.accepted)"], ["waiting", "\(counts.waiting)"],
            ["running", "\(counts.running)"], ["retrying", "\(counts.retrying)"], ["succeeded", "\(counts.succeeded)"],
            ["failed", "\(counts.failed)"], ["cancelled", "\(counts.cancelled)"], ["expired", "\(counts.expired)"],
        ])
        let now = SystemLogClock.wall
        if !reasons.isEmpty { Output.line("") }
        for reason in reasons { Output.line(ReasonText.line(reason, now: now)) }
    }
}
