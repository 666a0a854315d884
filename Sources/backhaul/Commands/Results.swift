import ArgumentParser
import BackhaulDomain
import BackhaulEmbedded
import BackhaulLog
import BackhaulSettings
import BackhaulWire
import Foundation

/// Results as they stand in the log.
struct Results: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print results, one a line.",
        discussion: "Example: backhaul results --batch trip --log embedded:///srv/backhaul --output json | jq .status")

    @Option(help: "Only this batch.")
    var batch: String?

    @Option(help: "Only this tenant.")
    var tenant: String?

    @Option(help: "Only this status: succeeded, failed, cancelled or expired.")
    var status: String?

    @Flag(help: "Go on with new results as they come.")
    var follow = false

    @OptionGroup var log: LogOptions

    func run() async throws {
        let settings = try log.common.settings()
        let opened = try await log.address().open(settings, creates: false)
        let changes = await opened.changes()
        var next: [TopicPartition: Int64] = [:]
        try await printNew(opened, settings.layout.results, &next)
        if follow {
            for await _ in changes { try await printNew(opened, settings.layout.results, &next) }
        }
        await opened.close()
    }

    private func printNew(_ opened: any MessageLog, _ topic: String, _ next: inout [TopicPartition: Int64]) async throws
    {
        for bounds in try await opened.bounds(topic) {
            try await opened.scan(bounds.partition, from: next[bounds.partition] ?? 0, to: bounds.end) { records in
                for stored in records {
                    guard let value = stored.record.value, let result = try? ResultDocument.decode(value) else {
                        continue
                    }
                    guard batch == nil || result.batch == batch, tenant == nil || result.tenant == tenant,
                        status == nil || result.status == status
                    else { continue }
                    if log.output == .json {
                        Output.write(Data(value))
                    } else {
                        let tail = result.failure.map { "  \($0.kind): \($0.message)" } ?? ""
                        print(
                            "\(result.finishedAt)  \(result.status)  \(result.attempts)x  \(result.destination)  \(result.key)\(tail)"
                        )
                    }
                }
            }
            next[bounds.partition] = bounds.end
        }
        // Whoever reads a pipe wants the lines now.
        fflush(nil)
    }
}
