import BackhaulDomain
import BackhaulEmbedded
import BackhaulLog
import BackhaulSettings
import BackhaulTelemetry
import Foundation
import Logging

/// Which log a command works on.
enum LogAddress: Equatable {
    case embedded(folder: String)

    /// - Throws: `CommandFailure` for anything but `embedded://` and an absolute folder.
    init(_ text: String) throws {
        if text.hasPrefix("embedded://") {
            let folder = String(text.dropFirst("embedded://".count))
            guard folder.hasPrefix("/") else {
                throw CommandFailure(
                    "--log \(text): the folder must be absolute, as in embedded:///srv/backhaul", exit: .usage)
            }
            self = .embedded(folder: folder)
        } else if text.hasPrefix("kafka://") {
            throw CommandFailure(
                "--log kafka://: this version has no Kafka adapter yet; use embedded:///absolute/folder", exit: .usage)
        } else {
            throw CommandFailure("--log \(text) names no log; use embedded:///absolute/folder", exit: .usage)
        }
    }

    /// Opens the log beside whoever owns it.
    /// - Parameter creates: whether a folder that is not there is made, as for a submission.
    func open(_ settings: Settings, creates: Bool) async throws -> EmbeddedLog {
        _ = Self.logging
        switch self {
        case .embedded(let folder):
            if !creates, !FileManager.default.fileExists(atPath: folder + "/log.sqlite") {
                throw CommandFailure(
                    "there is no log in \(folder); submit something, or start 'backhaul standalone --data \(folder)'")
            }
            let log = try EmbeddedLog(
                folder: folder, options: EmbeddedOptions(owns: false, durability: settings.embeddedDurability),
                clock: SystemLogClock(), logger: Logger(label: "backhaul.log"))
            // A log that has its topics keeps them as they are: its owner says what they should be.
            if try await log.topics().first(where: { $0.name == settings.layout.tasks }) == nil {
                guard creates else {
                    await log.close()
                    throw CommandFailure(
                        "the log in \(folder) has no topics that begin with '\(settings.layout.prefix)'; is topics.prefix "
                            + "what its owner uses?")
                }
                try await log.ensure(settings.topics)
            }
            return log
        }
    }

    /// What the parts of a command have to log goes the way of the daemon's lines: JSON, redacted, on stderr.
    private static let logging: Void = LoggingSystem.bootstrap { JSONLogHandler(label: $0, level: .warning) }

    var folder: String {
        switch self {
        case .embedded(let folder): folder
        }
    }
}

extension Settings {
    var embeddedDurability: Durability { Durability(rawValue: durability) ?? .fsync }

    /// The topics as this configuration wants them.
    var topics: [TopicSpecification] {
        let work = [layout.workers, layout.largeWorkers, layout.delays]
        var topics = [
            TopicSpecification(
                name: layout.tasks, partitions: partitions,
                retention: .untilRead(by: [work[0], layout.view], atLeast: workRetention)),
            TopicSpecification(
                name: layout.largeTasks, partitions: partitions,
                retention: .untilRead(by: [work[1], layout.view], atLeast: workRetention)),
            TopicSpecification(name: layout.deadLetters, partitions: partitions, retention: .age(deadLettersRetention)),
            TopicSpecification(
                name: layout.outcomes, partitions: partitions,
                retention: .untilRead(by: [layout.acknowledgers, layout.view], atLeast: workRetention)),
            TopicSpecification(name: layout.results, partitions: partitions, retention: .age(resultsRetention)),
            TopicSpecification(name: layout.checkpoints, partitions: partitions, retention: .compact),
        ]
        for tier in policy.tiers {
            topics.append(
                TopicSpecification(
                    name: layout.retry(tier), partitions: partitions,
                    retention: .untilRead(by: [work[2]], atLeast: workRetention)))
        }
        return topics
    }
}
