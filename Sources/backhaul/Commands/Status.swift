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

    @OptionGroup var log: LogOptions

    private struct Answer: Encodable {
        var counts: StatusCounts
        var reasons: [ReasonDocument]

        private enum Key: CodingKey { case reasons }

        func encode(to encoder: any Encoder) throws {
            try counts.encode(to: encoder)
            var container = encoder.container(keyedBy: Key.self)
            try container.encode(reasons, forKey: .reasons)
        }
    }

    func run() async throws {
        let (counts, reasons) = try await log.viewing { view, _, _, address in
            let counts = try await view.counts(batch: batch, tenant: tenant)
            if counts.accepted == 0 { try await NameCheck.batch(batch, view) }
            if counts.ended < counts.accepted { log.warnWithoutDaemon(address) }
            return (counts, try await view.reasons(batch: batch, tenant: tenant))
        }
        if log.output == .json {
            return try Output.json(Answer(counts: counts, reasons: reasons.map(ReasonDocument.init)))
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
