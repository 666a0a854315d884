import BackhaulDestinations
import BackhaulDomain
import BackhaulEmbedded
import BackhaulKafka
import BackhaulLog
import BackhaulSettings
import Foundation
import Logging

extension Settings {
    var embeddedDurability: Durability { Durability(rawValue: durability) ?? .fsync }

    /// How an embedded log is opened.
    func embeddedOptions(owns: Bool) -> EmbeddedOptions {
        // A wrong clock that is believed makes nothing older than a tenth of what is kept.
        let shortest = min(workRetention, resultsRetention, deadLettersRetention)
        return EmbeddedOptions(
            owns: owns, durability: embeddedDurability, largestGap: max(3_600_000, shortest / 10))
    }

    /// The topics as this configuration wants them.
    var topics: [TopicSpecification] {
        let work = [layout.workers, layout.largeWorkers, layout.delays]
        let tasks = [layout.tasks, layout.largeTasks]
        var topics = [
            TopicSpecification(
                name: layout.tasks, partitions: partitions,
                retention: .untilRead(by: [work[0], layout.view], atLeast: workRetention)),
            TopicSpecification(
                name: layout.largeTasks, partitions: partitions,
                retention: .untilRead(by: [work[1], layout.view], atLeast: workRetention)),
            TopicSpecification(
                name: layout.deadLetters, partitions: partitions, retention: .age(deadLettersRetention), answers: tasks),
            TopicSpecification(
                name: layout.outcomes, partitions: partitions,
                retention: .untilRead(by: [layout.acknowledgers, layout.view], atLeast: workRetention)),
            TopicSpecification(
                name: layout.results, partitions: partitions, retention: .age(resultsRetention), answers: tasks),
            TopicSpecification(name: layout.checkpoints, partitions: partitions, retention: .compact),
            TopicSpecification(name: layout.control, partitions: 1, retention: .compact),
        ]
        for tier in policy.tiers {
            topics.append(
                TopicSpecification(
                    name: layout.retry(tier), partitions: partitions,
                    retention: .untilRead(by: [work[2]], atLeast: workRetention)))
        }
        return topics
    }

    /// The topics of a fleet. Views are many there and keep no position: `retention.work` is their horizon.
    private var fleetTopics: [TopicSpecification] {
        let view = layout.view
        return topics.map { topic in
            var topic = topic
            if case .untilRead(let readers, let age) = topic.retention {
                topic.retention = .untilRead(by: readers.filter { $0 != view }, atLeast: age)
            }
            return topic
        }
    }

    /// The topics as Kafka is to hold them.
    var desiredTopics: [DesiredTopic] {
        // Outcomes and results of a task meet in partitions of one number, and a task's checkpoints in that of its record.
        let fixed: Set = [layout.outcomes, layout.results]
        return fleetTopics.map {
            DesiredTopic($0, replication: replication, isFixed: fixed.contains($0.name))
        }
    }

    /// - Throws: `CommandFailure` for a property that the program owns or that is a secret.
    func checkKafkaProperties() throws {
        for name in kafka.properties.keys.sorted() {
            guard let refusal = OwnedProperties.refusal(name) else { continue }
            throw CommandFailure("kafka.properties: '\(name)' cannot be set: \(refusal)", exit: .usage)
        }
    }

    /// Opens a cluster.
    /// - Parameters:
    ///   - role: begins the clients' names.
    ///   - isBrief: whether it is a command that soon ends.
    ///   - patience: milliseconds after which an append that nobody acknowledged, or a question, fails.
    func kafkaLog(
        _ bootstrap: String, role: String, delivery: DeliveryMode? = nil, patience: Int = 20_000, isBrief: Bool = false
    ) throws
        -> KafkaLog
    {
        try checkKafkaProperties()
        var properties = kafka.properties
        var secrets: [String: String] = [:]
        if !kafka.username.isEmpty { properties["sasl.username"] = kafka.username }
        if let password = kafka.password { secrets["sasl.password"] = password.value }
        if let password = kafka.keyPassword { secrets["ssl.key.password"] = password.value }
        let options = KafkaOptions(
            bootstrap: bootstrap, properties: properties, secrets: secrets,
            tokens: kafka.oauth.map(ClientCredentials.init), delivery: delivery ?? self.delivery,
            prefix: layout.prefix,
            clientName: KafkaOptions.clientName(
                role: role, host: ProcessInfo.processInfo.hostName, process: getpid()),
            requestTimeout: patience, isBrief: isBrief)
        let failPoint = try FailPoint(ProcessInfo.processInfo.environment)
        return try KafkaLog(
            options: options, topics: fleetTopics, clock: SystemLogClock(), logger: Logger(label: "backhaul.kafka"),
            failPoint: { failPoint?.pass($0) })
    }

    var delivery: DeliveryMode { DeliveryMode(rawValue: kafka.delivery) ?? .transactional }
}
