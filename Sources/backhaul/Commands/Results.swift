import ArgumentParser
import BackhaulDomain
import BackhaulEmbedded
import BackhaulLog
import BackhaulRecords
import BackhaulSettings
import Foundation

/// Prints the results in the log.
struct Results: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print results, one per line.",
        discussion: "Example: backhaul results --batch trip --log embedded:///srv/backhaul --output json | jq .status")

    @Option(help: "Only this batch.")
    var batch: ByteText?

    @Option(help: "Only this tenant.")
    var tenant: ByteText?

    @Option(help: "Only this status: succeeded, failed, cancelled or expired.")
    var status: String?

    @Flag(help: "Continue with new results as they arrive.")
    var follow = false

    @OptionGroup var log: LogOptions

    func run() async throws {
        let settings = try log.common.settings()
        let opened = try await log.address().open(settings, creates: false)
        let changes = await opened.changes()
        var next: [TopicPartition: Int64] = [:]
        for bounds in try await opened.bounds(settings.layout.results) {
            try await opened.scan(bounds.partition, to: bounds.end, show)
            next[bounds.partition] = bounds.end
        }
        Output.flush()
        if follow {
            try await opened.watch(next)
            for await _ in changes {
                for (partition, offset) in next {
                    next[partition] = try await opened.follow(partition, from: offset, show)
                }
                Output.flush()
            }
        }
        await opened.close()
    }

    private func show(_ records: [StoredRecord]) {
        for stored in records {
            guard let value = stored.record.value, let result = try? ResultRecord.read(stored.record),
                batch == nil || result.batch == batch, tenant == nil || result.tenant == tenant,
                status == nil || result.status == status
            else { continue }
            if log.output == .json {
                Output.write(Data(value))
            } else {
                let tail = result.failure.map { "  \($0.kind): \($0.message)" } ?? ""
                Output.line(
                    "\(result.finishedAt)  \(result.status)  \(result.attempts)x  \(result.destination)  \(result.key)\(tail)"
                )
            }
        }
    }
}
