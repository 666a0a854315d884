/// The names of topics and groups under a prefix.
package struct TopicLayout: Hashable, Sendable {
    /// Default `backhaul.`.
    package var prefix: String

    package init(prefix: String = "backhaul.") {
        self.prefix = prefix
    }

    package var tasks: String { prefix + "tasks" }
    package var largeTasks: String { prefix + "tasks.large" }
    package var deadLetters: String { prefix + "dead-letters" }
    package var outcomes: String { prefix + "outcomes" }
    package var results: String { prefix + "results" }
    package var checkpoints: String { prefix + "checkpoints" }
    /// Has one partition.
    package var control: String { prefix + "control" }
    /// What callers and operators did.
    package var acts: String { prefix + "acts" }

    package var workers: String { prefix + "workers" }
    package var largeWorkers: String { prefix + "workers.large" }
    /// Delay topics have their own group, so that their load does not unbalance the workers.
    package var delays: String { prefix + "delays" }
    package var acknowledgers: String { prefix + "acknowledgers" }
    /// Of the one process that runs replays. It reads the control topic.
    package var replays: String { prefix + "replays" }
    /// The reader that builds the status view. Not a member group: its positions only hold back truncation.
    package var view: String { prefix + "view" }

    /// The groups that work on records.
    package var workGroups: [String] { [workers, largeWorkers, delays, acknowledgers] }

    /// The group that works on a topic's records; that of the delays for any topic without another.
    package func workGroup(of topic: String) -> String {
        switch topic {
        case tasks: workers
        case largeTasks: largeWorkers
        case outcomes: acknowledgers
        default: delays
        }
    }

    private var retryPrefix: String { prefix + "retry." }

    /// The topic of a tier: `retry.10s`, `retry.1m`, `retry.500ms`.
    package func retry(_ tier: Duration) -> String { retryPrefix + DurationText.format(tier) }

    /// The tier of a retry topic, nil for any other topic.
    package func tier(of topic: String) -> Duration? {
        guard topic.hasPrefix(retryPrefix) else { return nil }
        return DurationText.parse(String(topic.dropFirst(retryPrefix.count)))
    }
}
