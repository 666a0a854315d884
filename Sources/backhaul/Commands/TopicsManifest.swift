import ArgumentParser
import BackhaulDomain
import BackhaulKafka
import BackhaulSettings
import Foundation
import Yams

/// Prints the topics and the users of a fleet as resources of Strimzi, Kafka's operator for Kubernetes.
struct TopicsManifest: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "manifest",
        abstract: "Print the topics and each role's user and rights as Strimzi's KafkaTopic and KafkaUser.",
        discussion: """
            Asks no broker. Users have certificates, since Debian 12's librdkafka cannot use SCRAM with Kafka 4.

            Example: backhaul topics manifest --cluster kafka --config backhaul.yaml | kubectl apply -n kafka -f -
            """)

    @Option(help: ArgumentHelp("The name of the Kafka resource.", valueName: "name"))
    var cluster = "kafka"

    @OptionGroup var common: CommonOptions

    func run() async throws {
        let settings = try common.settings(needs: [])
        var documents: [String] = []
        let encoder = YAMLEncoder()
        encoder.options.sortKeys = true
        encoder.options.width = -1
        for topic in settings.desiredTopics {
            documents.append(try encoder.encode(TopicResource(topic, cluster: cluster)))
        }
        let rights = AccessRights(settings.layout).rights
        var roles: [String] = []
        for right in rights where !roles.contains(right.role) { roles.append(right.role) }
        for role in roles {
            documents.append(
                try encoder.encode(UserResource(role, rights.filter { $0.role == role }, cluster: cluster)))
        }
        Output.part(documents.joined(separator: "---\n"))
        Output.flush()
    }
}

/// What every resource of Strimzi begins with.
private struct ResourceName: Encodable {
    var name: String
    var labels: [String: String]

    init(_ name: String, cluster: String) {
        // A name in Kubernetes has lower-case letters, digits, '-' and '.' only.
        let plain = name.lowercased().map { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == ".") ? $0 : "-" }
        self.name = String(plain)
        labels = ["strimzi.io/cluster": cluster]
    }
}

private struct TopicResource: Encodable {
    struct Content: Encodable {
        var topicName: String
        var partitions: Int
        var replicas: Int
        var config: [String: String]
    }

    var apiVersion = "kafka.strimzi.io/v1"
    var kind = "KafkaTopic"
    var metadata: ResourceName
    var spec: Content

    init(_ topic: DesiredTopic, cluster: String) {
        metadata = ResourceName(topic.name, cluster: cluster)
        spec = Content(
            topicName: topic.name, partitions: topic.partitions, replicas: topic.replication,
            config: topic.configuration)
    }
}

private struct UserResource: Encodable {
    struct Content: Encodable {
        var authentication: [String: String]
        var authorization: Authorization
    }

    struct Authorization: Encodable {
        var type = "simple"
        var acls: [ACL]
    }

    struct ACL: Encodable {
        var resource: [String: String]
        var operations: [String]
    }

    var apiVersion = "kafka.strimzi.io/v1"
    var kind = "KafkaUser"
    var metadata: ResourceName
    var spec: Content

    /// - Parameter role: as `AccessRights` names it; a role of several commands is called by the one of these that is
    ///   left running, else by the first.
    init(_ role: String, _ rights: [AccessRights.Right], cluster: String) {
        let words = role.split { $0 == "," || $0 == " " }
        let name = words.contains("ingest") ? "ingest" : words.first ?? ""
        metadata = ResourceName("backhaul-\(name)", cluster: cluster)
        spec = Content(
            authentication: ["type": "tls"],
            authorization: Authorization(
                acls: rights.map { right in
                    ACL(
                        resource: [
                            "type": right.resource == "transactional-id" ? "transactionalId" : right.resource,
                            "name": right.name, "patternType": right.prefixed ? "prefix" : "literal",
                        ], operations: right.operations)
                }))
    }
}
