import ArgumentParser
import BackhaulDomain
import BackhaulEmbedded
import BackhaulLog
import BackhaulRecords
import BackhaulSettings
import BackhaulUnits
import Foundation

/// Prints who did what.
struct Acts: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print who submitted, cancelled, retried, replayed or acknowledged what, and who changed what.",
        discussion: """
            Acts are kept for retention.acts. A task's record and its result name the submitter, too.

            Examples:
              backhaul acts --caller ci --log embedded:///srv/backhaul
              backhaul acts --act cancel --since 2d --log embedded:///srv/backhaul --output json
            """)

    @Option(help: "Only this caller: a token's name, a JWT's subject, USER@HOST of a command, or a role.")
    var caller: ByteText?

    @Option(help: "Only this tenant.")
    var tenant: ByteText?

    @Option(help: "Only this task.")
    var task: ByteText?

    @Option(
        help:
            "Only this act: submit, cancel, retry, acknowledge, replay, discard, mute, tokens, configuration, topics, clock or migrate."
    )
    var act: String?

    @Option(help: "Only this outcome: begun, done, partly, refused or failed.")
    var outcome: String?

    @Option(help: ArgumentHelp("Only what is not older than this, such as 2d.", valueName: "duration"))
    var since: String?

    @Flag(help: "Continue with new acts as they arrive.")
    var follow = false

    @OptionGroup var log: LogOptions

    func validate() throws {
        if let act, Act.Kind(rawValue: act) == nil {
            throw ValidationError("--act takes \(Act.Kind.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        if let outcome, Act.Outcome(rawValue: outcome) == nil {
            throw ValidationError("--outcome takes \(Act.Outcome.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        if let since, DurationText.parse(since) == nil {
            throw ValidationError("--since takes a duration such as 30m or 2d")
        }
    }

    func run() async throws {
        let settings = try log.settings()
        let opened = try await log.address(settings).open(settings, creates: false)
        do {
            try await run(opened, settings.layout)
        } catch {
            await opened.close()
            throw error
        }
        await opened.close()
    }

    private func run(_ opened: any MessageLog, _ layout: TopicLayout) async throws {
        let changes = await opened.changes()
        let oldest = since.flatMap(DurationText.parse).map { TimeText.format(SystemLogClock.wall - $0) }
        var merge = RecordMerge(try await opened.bounds(layout.acts))
        while let stored = try await merge.next(opened) { try show(stored, oldest) }
        Output.flush()
        guard follow else { return }
        var next = merge.ends
        try await opened.watch(next)
        for await _ in changes {
            for (partition, offset) in next {
                next[partition] = try await opened.follow(partition, from: offset) { records in
                    for stored in records { try show(stored, oldest) }
                }
            }
            // A reader of a pipe needs the lines at once.
            Output.flush()
        }
    }

    private func show(_ stored: StoredRecord, _ oldest: String?) throws {
        // The texts of times sort as the times do.
        guard let read = try? ActRecord.read(stored.record), caller == nil || read.caller == caller,
            tenant == nil || read.tenant == tenant, task.map(read.taskIds.contains) ?? true,
            act == nil || read.act == act, outcome == nil || read.outcome == outcome, oldest ?? "" <= read.at
        else { return }
        guard log.output == .text else { return try Output.json(read) }
        let place = read.address ?? read.host
        let counts = read.counts.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
        let tasks = read.tasks == 1 ? read.taskIds.first?.text : read.tasks > 1 ? "\(read.tasks) tasks" : nil
        let parts = [
            read.at, read.act, read.outcome, read.caller.text, "from \(place)", read.tenant.map { "tenant \($0)" },
            read.batch.map { "batch \($0)" }, tasks, counts.isEmpty ? nil : "(\(counts))",
            read.detail.isEmpty ? nil : read.detail,
        ]
        Output.line(parts.compactMap(\.self).joined(separator: "  "))
    }
}
