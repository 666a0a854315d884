import BackhaulDomain
import Testing

@Suite("Access rights")
struct AccessRightsTests {
    private let layout = TopicLayout()

    private func roles(that operation: String, _ topic: String) -> Set<String> {
        let found = AccessRights(layout).rights.filter { right in
            right.resource == "topic" && right.operations.contains(operation)
                && (right.prefixed ? topic.hasPrefix(right.name) : topic == right.name)
        }
        return Set(found.map(\.role))
    }

    /// Who reads which topic to do its work; commands that read all have a right for the prefix.
    @Test func everyReaderOfATopicMayReadIt() {
        let readers: [String: Set<String>] = [
            layout.tasks: ["worker", "acknowledger"], layout.largeTasks: ["worker", "acknowledger"],
            // The acknowledger's gauges look for outstanding work there.
            layout.retry(.seconds(10)): ["worker", "acknowledger"],
            layout.deadLetters: ["submit, ingest", "acknowledger"], layout.outcomes: ["acknowledger"],
            layout.results: ["submit, ingest", "acknowledger"], layout.checkpoints: ["worker"],
            layout.control: ["submit, ingest", "worker", "acknowledger", "migrate"], layout.acts: [],
        ]
        for (topic, wanted) in readers {
            let all = wanted.union(["replay", "audit, status, lag, results, acts", "topics apply"])
            #expect(roles(that: "Read", topic) == all, "\(topic)")
        }
    }

    /// Who writes to which topic, as C13 has it. An acknowledger that may not write dead letters could not name a
    /// result that the log refuses.
    @Test func everyWriterOfATopicMayWriteIt() {
        let every: Set = ["submit, ingest", "worker", "acknowledger", "replay", "topics apply", "migrate"]
        let writers: [String: Set<String>] = [
            // The acknowledger's API retries tasks.
            layout.tasks: ["submit, ingest", "replay", "acknowledger", "migrate"],
            layout.largeTasks: ["submit, ingest", "replay", "acknowledger", "worker", "migrate"],
            layout.retry(.seconds(10)): ["worker"], layout.deadLetters: ["worker", "acknowledger", "migrate"],
            layout.outcomes: ["worker", "acknowledger", "migrate"], layout.results: ["acknowledger"],
            layout.checkpoints: ["worker"], layout.control: ["worker", "acknowledger", "migrate", "replay"],
            layout.acts: every,
        ]
        for (topic, roles) in writers {
            #expect(self.roles(that: "Write", topic) == roles, "\(topic)")
        }
    }
}
