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

    /// The options to open an embedded log.
    func embeddedOptions(owns: Bool) -> EmbeddedOptions {
        // A clock jump up to this gap is accepted: if it is wrong, records age by a tenth of their retention at most.
        return EmbeddedOptions(
            owns: owns, durability: embeddedDurability, largestGap: max(.seconds(3_600), shortestRetention / 10))
    }

    /// The topics of this configuration.
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
            TopicSpecification(name: layout.acts, partitions: partitions, retention: .age(actsRetention)),
        ]
        for tier in policy.tiers { topics.append(retryTopic(tier)) }
        return topics
    }

    private func retryTopic(_ tier: Duration) -> TopicSpecification {
        TopicSpecification(
            name: layout.retry(tier), partitions: partitions,
            retention: .untilRead(by: [layout.delays], atLeast: workRetention))
    }

    /// The topics of a fleet. Its views commit no positions, so retention does not wait for them: they can read what
    /// `retention.work` keeps.
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

    /// The topics that Kafka must have.
    var desiredTopics: [DesiredTopic] {
        // A task's outcomes and results are in partitions of the same number (its checkpoints: that of its record).
        let fixed: Set = [layout.outcomes, layout.results]
        return fleetTopics.map {
            DesiredTopic($0, replication: replication, isFixed: fixed.contains($0.name))
        }
    }

    /// - Throws: `CommandError` for a property that the program owns or that is a secret.
    func checkKafkaProperties() throws {
        for (name, value) in kafka.properties.sorted(by: { $0.key < $1.key }) {
            guard let refusal = OwnedProperties.refusal(name, value) else { continue }
            throw CommandError("kafka.properties: '\(name)' cannot be set: \(refusal)", exit: .usage)
        }
    }

    /// Opens the log on a cluster.
    /// - Parameters:
    ///   - role: the prefix of the clients' names.
    ///   - isBrief: whether the caller is a command that ends soon.
    ///   - patience: the time after which an append without an acknowledgment, or a query, fails.
    func kafkaLog(
        _ bootstrap: String, role: String, delivery: DeliveryMode? = nil, patience: Duration = .seconds(20),
        isBrief: Bool = false
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
            options: options, topics: fleetTopics,
            // A tier that was removed: workers drain it, and its records are deleted like all others.
            retired: { name in layout.tier(of: name).map(retryTopic) }, clock: SystemLogClock(),
            logger: Logger(label: "backhaul.kafka"),
            failPoint: { failPoint?.pass($0) })
    }

    var delivery: DeliveryMode { DeliveryMode(rawValue: kafka.delivery) ?? .transactional }
}
