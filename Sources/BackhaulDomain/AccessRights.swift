/// The rights that each role needs on a cluster with an authorizer.
package struct AccessRights: Sendable {
    package struct Right: Hashable, Sendable, Encodable {
        package var role: String
        package var resource: String
        package var name: String
        /// Whether the name is a prefix (`--resource-pattern-type prefixed`).
        package var prefixed: Bool
        package var operations: [String]
    }

    package let rights: [Right]

    package init(_ layout: TopicLayout) {
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
        // At start every role reads the positions of all groups. The client for these queries has a group name too, of
        // a group without members (`KafkaOptions.adminGroup`).
        func groups(_ role: String, _ operations: [String] = ["Describe"]) -> Right {
            Right(role: role, resource: "group", name: layout.prefix, prefixed: true, operations: operations)
        }
        let retry = layout.prefix + "retry."
        rights = [
            topic("submit, ingest", layout.prefix, describe, prefixed: true),
            topic("submit, ingest", layout.tasks, ["Write"]),
            topic("submit, ingest", layout.largeTasks, ["Write"]), topic("submit, ingest", layout.results, ["Read"]),
            // Where the acknowledgers' APIs are.
            topic("submit, ingest", layout.control, ["Read"]),
            // `submit --wait` looks there for what failed before.
            topic("submit, ingest", layout.deadLetters, ["Read"]),
            topic("submit, ingest", layout.acts, ["Write"]), groups("submit, ingest"),
            topic("worker", layout.prefix, describe, prefixed: true), topic("worker", layout.tasks, ["Read"]),
            topic("worker", layout.largeTasks, ["Read", "Write"]),
            topic("worker", retry, ["Read", "Write"], prefixed: true),
            topic("worker", layout.deadLetters, ["Write"]), topic("worker", layout.outcomes, ["Write"]),
            topic("worker", layout.checkpoints, ["Read", "Write"]), topic("worker", layout.control, ["Read", "Write"]),
            group("worker", layout.workers),
            group("worker", layout.largeWorkers), group("worker", layout.delays), groups("worker"),
            topic("worker", layout.acts, ["Write"]), transactions("worker"),
            topic("acknowledger", layout.prefix, describe, prefixed: true),
            // The API's cancel, acknowledge and retry write, too.
            topic("acknowledger", layout.outcomes, ["Read", "Write", "Delete"]),
            topic("acknowledger", layout.control, ["Read", "Write"]),
            topic("acknowledger", layout.deadLetters, ["Read", "Write"]),
            topic("acknowledger", layout.results, ["Read", "Write"]),
            topic("acknowledger", layout.tasks, ["Read", "Write", "Delete"]),
            topic("acknowledger", layout.largeTasks, ["Read", "Write", "Delete"]),
            topic("acknowledger", retry, ["Read", "Delete"], prefixed: true),
            group("acknowledger", layout.acknowledgers), group("acknowledger", layout.replays),
            topic("acknowledger", layout.acts, ["Write"]), groups("acknowledger"), transactions("acknowledger"),
            topic("replay", layout.prefix, ["Read"] + describe, prefixed: true),
            // `retry` writes tasks and outcomes itself; a replay is written to the control topic.
            groups("replay"), topic("replay", layout.acts, ["Write"]), topic("replay", layout.tasks, ["Write"]),
            topic("replay", layout.largeTasks, ["Write"]), topic("replay", layout.control, ["Write"]),
            topic("audit, status, lag, results, acts", layout.prefix, ["Read"] + describe, prefixed: true),
            groups("audit, status, lag, results, acts"),
            topic("migrate", layout.prefix, describe, prefixed: true),
            topic("migrate", layout.control, ["Read", "Write"]),
            topic("migrate", layout.tasks, ["Write"]), topic("migrate", layout.largeTasks, ["Write"]),
            topic("migrate", layout.outcomes, ["Write"]), topic("migrate", layout.deadLetters, ["Write"]),
            topic("migrate", layout.acts, ["Write"]), groups("migrate"), transactions("migrate"),
            // Writing a position requires Read on the topic and on the group.
            topic(
                "topics apply", layout.prefix, ["Alter", "AlterConfigs", "Create", "Read"] + describe, prefixed: true),
            topic("topics apply", layout.acts, ["Write"]), groups("topics apply", ["Describe", "Read"]),
        ]
    }
}
