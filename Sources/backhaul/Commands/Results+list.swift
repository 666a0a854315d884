import ArgumentParser
import BackhaulDomain
import BackhaulEmbedded
import BackhaulLog
import BackhaulRecords
import BackhaulSettings
import Foundation

extension Results {
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print results, one per line.",
            discussion: "Example: backhaul results list --status failed --log embedded:///srv/backhaul")

        @Option(help: "Only this batch.")
        var batch: ByteText?

        @Option(help: "Only this tenant.")
        var tenant: ByteText?

        @Option(help: "Only this status: succeeded, failed, cancelled, expired or conflict.")
        var status: String?

        @Flag(help: "Continue with new results as they arrive.")
        var follow = false

        @OptionGroup var log: LogOptions

        func run() async throws {
            try NameCheck.choice(
                status, "--status",
                among: OutcomeKind.allCases.filter(\.isTerminal).map(\.rawValue) + [ConflictRecord.status])
            let settings = try log.settings()
            let address = try log.address(settings)
            let opened = try await address.open(settings, creates: false)
            var shown = 0
            let changes = await opened.changes()
            var next: [TopicPartition: Int64] = [:]
            for bounds in try await opened.bounds(settings.layout.results) {
                try await opened.scan(bounds.partition, to: bounds.end) { shown += show($0) }
                next[bounds.partition] = bounds.end
            }
            if shown == 0, !follow {
                try await LazyView(log: opened, address: address, settings: settings).check(batch)
            }
            Output.flush()
            if follow {
                try await opened.watch(next)
                for await _ in changes {
                    for (partition, offset) in next {
                        next[partition] = try await opened.follow(partition, from: offset) { shown += show($0) }
                    }
                    Output.flush()
                }
            }
            await opened.close()
        }

        /// - Returns: how many of them are selected, and shown.
        private func show(_ records: [StoredRecord]) -> Int {
            var shown = 0
            for stored in records {
                guard let value = stored.record.value,
                    let result = (try? ResultRecord.read(stored.record))
                        ?? ConflictRecord.read(stored.record)?.document,
                    batch == nil || result.batch == batch, tenant == nil || result.tenant == tenant,
                    status == nil || result.status == status
                else { continue }
                shown += 1
                if log.output == .json {
                    Output.write(Data(value))
                } else {
                    let tail = result.failure.map { "  \($0.kind): \($0.message)" } ?? ""
                    Output.line(
                        "\(result.finishedAt)  \(result.status)  \(result.attempts)x  \(result.destination)  \(result.key)\(tail)"
                    )
                }
            }
            return shown
        }
    }
}
