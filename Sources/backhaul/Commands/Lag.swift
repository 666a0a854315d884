import ArgumentParser
import BackhaulDomain
import BackhaulEmbedded
import BackhaulLog
import BackhaulSettings
import BackhaulWire
import Foundation

/// The true outstanding work.
struct Lag: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show outstanding work: what is neither behind a group's frontier nor finished beyond it.")

    @OptionGroup var log: LogOptions

    private struct Line: Encodable {
        var group: String
        var topic: String
        var outstanding: Int64
        var bytes: Int
        /// Bytes of the files that outstanding tasks name; 0 for outcomes.
        var fileBytes: UInt64
        /// Seconds since the oldest outstanding record was appended.
        var oldestAgeSeconds: Int64
    }

    func run() async throws {
        let settings = try log.common.settings()
        let opened = try await log.address().open(settings, creates: false)
        let layout = settings.layout
        var pairs = [
            (layout.workers, layout.tasks), (layout.largeWorkers, layout.largeTasks),
            (layout.acknowledgers, layout.outcomes),
        ]
        for topic in try await opened.topics() where layout.tier(of: topic.name) != nil {
            pairs.append((layout.delays, topic.name))
        }
        var lines: [Line] = []
        for (group, topic) in pairs {
            let positions = try await opened.positions(of: group)
            var line = Line(group: group, topic: topic, outstanding: 0, bytes: 0, fileBytes: 0, oldestAgeSeconds: 0)
            var oldest: Int64?
            for bounds in try await opened.bounds(topic) {
                let position = positions[bounds.partition] ?? GroupPosition(frontier: bounds.earliest)
                let finished = try position.finishedMap()
                try await opened.scan(bounds.partition, from: position.frontier, to: bounds.end) { records in
                    for stored in records where !finished.contains(stored.position.offset) {
                        line.outstanding += 1
                        line.bytes += stored.record.size
                        if topic != layout.outcomes, let task = try? TaskCodec.decode(stored.record.value) {
                            let (sum, overflows) = line.fileBytes.addingReportingOverflow(task.size)
                            line.fileBytes = overflows ? .max : sum
                        }
                        oldest = min(oldest ?? stored.appendedAt, stored.appendedAt)
                    }
                }
            }
            if let oldest {
                line.oldestAgeSeconds = max(0, (Int64(Date().timeIntervalSince1970 * 1_000) - oldest) / 1_000)
            }
            lines.append(line)
        }
        await opened.close()
        if log.output == .json {
            for line in lines { try Output.json(line) }
            return
        }
        Output.table(
            [["GROUP", "TOPIC", "OUTSTANDING", "RECORD BYTES", "FILES", "OLDEST"]]
                + lines.map {
                    [
                        $0.group, $0.topic, "\($0.outstanding)", "\($0.bytes)", SizeText.format($0.fileBytes),
                        $0.outstanding == 0 ? "-" : "\($0.oldestAgeSeconds) s",
                    ]
                })
    }
}
