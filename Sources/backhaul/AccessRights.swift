import BackhaulDomain
import BackhaulKafka

/// The rights that each role needs on a cluster with an authorizer.
struct AccessRights {
    struct Right: Encodable {
        var role: String
        var resource: String
        var name: String
        /// Whether the name is a prefix (`--resource-pattern-type prefixed`).
        var prefixed: Bool
        var operations: [String]
    }

    let rights: [Right]

    init(_ layout: TopicLayout) {
        func topic(_ role: String, _ name: String, _ operations: [String], prefixed: Bool = false) -> Right {
            Right(role: role, resource: "topic", name: name, prefixed: prefixed, operations: operations)
        }
        func group(_ role: String, _ name: String, _ operations: [String] = ["Read"]) -> Right {
            Right(role: role, resource: "group", name: name, prefixed: false, operations: operations)
        }
        func transactions(_ role: String) -> Right {
            Right(
                role: role, resource: "transactional-id", name: layout.prefix, prefixed: true,
                operations: ["Describe", "Write"])
        }
        let describe = ["Describe", "DescribeConfigs"]
        // Every client that asks where groups stand has this group's name; nobody is in it.
        let admin = KafkaOptions.adminGroup(prefix: layout.prefix)
        let retry = layout.prefix + "retry."
        rights = [
            topic("submit", layout.prefix, describe, prefixed: true), topic("submit", layout.tasks, ["Write"]),
            topic("submit", layout.largeTasks, ["Write"]), topic("submit", layout.results, ["Read"]),
            group("submit", admin, ["Describe"]), group("worker", admin, ["Describe"]),
            group("acknowledger", admin, ["Describe"]), group("replay", admin, ["Describe"]),
            topic("worker", layout.prefix, describe, prefixed: true), topic("worker", layout.tasks, ["Read"]),
            topic("worker", layout.largeTasks, ["Read", "Write"]),
            topic("worker", retry, ["Read", "Write"], prefixed: true),
            topic("worker", layout.deadLetters, ["Write"]), topic("worker", layout.outcomes, ["Write"]),
            topic("worker", layout.checkpoints, ["Read", "Write"]), group("worker", layout.workers),
            group("worker", layout.largeWorkers), group("worker", layout.delays), transactions("worker"),
            topic("acknowledger", layout.prefix, describe, prefixed: true),
            topic("acknowledger", layout.outcomes, ["Read", "Delete"]),
            topic("acknowledger", layout.results, ["Read", "Write"]),
            topic("acknowledger", layout.tasks, ["Read", "Delete"]),
            topic("acknowledger", layout.largeTasks, ["Read", "Delete"]),
            topic("acknowledger", retry, ["Delete"], prefixed: true), group("acknowledger", layout.acknowledgers),
            group("acknowledger", layout.workers, ["Describe"]),
            group("acknowledger", layout.largeWorkers, ["Describe"]),
            group("acknowledger", layout.delays, ["Describe"]), transactions("acknowledger"),
            topic("replay", layout.prefix, ["Read"] + describe, prefixed: true),
            topic("replay", layout.tasks, ["Write"]), topic("replay", layout.largeTasks, ["Write"]),
            topic("audit, status, lag, results", layout.prefix, ["Read"] + describe, prefixed: true),
            Right(
                role: "audit, status, lag, results", resource: "group", name: layout.prefix, prefixed: true,
                operations: ["Describe"]),
            topic(
                "topics apply", layout.prefix, ["Alter", "AlterConfigs", "Create"] + describe, prefixed: true),
            Right(
                role: "topics apply", resource: "group", name: layout.prefix, prefixed: true, operations: ["Read"]),
        ]
    }

    func print(_ output: OutputFormat) throws {
        if output == .json {
            for right in rights { try Output.json(right) }
            return
        }
        Output.table(
            [["ROLE", "RESOURCE", "NAME", "OPERATIONS"]]
                + rights.map {
                    [
                        $0.role, $0.resource, $0.prefixed ? $0.name + "*" : $0.name,
                        $0.operations.joined(separator: ", "),
                    ]
                })
    }
}
