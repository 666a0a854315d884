import ArgumentParser
import BackhaulDomain
import BackhaulKafka
import BackhaulLog
import BackhaulSettings
import Foundation

/// Lists the log's topics; plans, applies and checks Kafka's.
struct Topics: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List the log's topics; on Kafka, plan and apply them as code.",
        subcommands: [List.self, TopicsPlan.self, TopicsApply.self, TopicsCheck.self, TopicsManifest.self],
        defaultSubcommand: List.self)

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the log's topics.")

        @OptionGroup var log: LogOptions

        private struct Line: Encodable {
            var topic: String
            var partitions: Int
            var records: Int64
            var retention: String
        }

        func run() async throws {
            let settings = try log.settings()
            let opened = try await log.address(settings).open(settings, creates: false)
            var lines: [Line] = []
            for topic in try await opened.topics() {
                let bounds = try await opened.bounds(topic.name)
                lines.append(
                    Line(
                        topic: topic.name, partitions: topic.partitions,
                        records: bounds.reduce(0) { $0 + $1.end - $1.earliest },
                        retention: Self.text(topic.retention)))
            }
            await opened.close()
            if log.output == .json {
                for line in lines { try Output.json(line) }
                return
            }
            Output.table(
                [["TOPIC", "PARTITIONS", "RECORDS", "KEPT"]]
                    + lines.map { [$0.topic, "\($0.partitions)", "\($0.records)", $0.retention] })
        }

        private static func text(_ retention: Retention) -> String {
            switch retention {
            case .untilRead(let readers, let atLeast):
                readers.isEmpty
                    ? "until read"
                    : "until read by \(readers.joined(separator: ", ")), at least \(DurationText.format(atLeast))"
            case .age(let age): DurationText.format(age)
            case .compact: "last of each key"
            }
        }
    }
}
