import BackhaulKafka
import BackhaulLog
import Testing

@Suite("Topic plan")
struct TopicPlanTests {
    private func desired(
        _ name: String = "p.tasks", partitions: Int = 4, replication: Int = 3, isFixed: Bool = false,
        retention: Retention = .untilRead(by: ["p.workers"], atLeast: .milliseconds(1))
    ) -> DesiredTopic {
        DesiredTopic(
            TopicSpecification(name: name, partitions: partitions, retention: retention), replication: replication,
            isFixed: isFixed)
    }

    private func actual(_ topic: DesiredTopic, partitions: Int? = nil, changing: [String: String] = [:]) -> ActualTopic
    {
        var configuration = ActualTopic.Configuration()
        configuration.values = topic.configuration.merging(changing) { _, new in new }
        configuration.own = Set(topic.configuration.keys)
        let count = partitions ?? topic.partitions
        return ActualTopic(
            partitions: count, replication: topic.replication, configuration: configuration,
            positions: Dictionary(uniqueKeysWithValues: topic.readers.map { ($0, Set(0..<count)) }))
    }

    @Test func planCreatesMissingTopicWithPositions() {
        let topic = desired(partitions: 2)
        let plan = TopicPlan(desired: [topic], actual: [:])
        #expect(
            plan.changes == [
                .create(topic),
                .position(
                    group: "p.workers", partition: TopicPartition(topic: "p.tasks", partition: 0), restored: false),
                .position(
                    group: "p.workers", partition: TopicPartition(topic: "p.tasks", partition: 1), restored: false),
            ])
        #expect(topic.configuration["retention.ms"] == "-1" && topic.configuration["min.insync.replicas"] == "2")
        #expect(!plan.obstacles.isEmpty)
        #expect(TopicPlan(desired: [topic], actual: ["p.tasks": actual(topic)]).isEmpty)
    }

    @Test func planGrowsButNeverShrinksPartitions() {
        let topic = desired(partitions: 4)
        let grown = TopicPlan(desired: [topic], actual: ["p.tasks": actual(topic, partitions: 2)])
        #expect(grown.changes.contains(.grow(topic: "p.tasks", from: 2, to: 4)))
        #expect(
            grown.changes.contains(
                .position(
                    group: "p.workers", partition: TopicPartition(topic: "p.tasks", partition: 3), restored: false)))
        let shrunk = TopicPlan(desired: [topic], actual: ["p.tasks": actual(topic, partitions: 8)])
        #expect(shrunk.changes.isEmpty && shrunk.problems.count == 1)
        // A task's outcomes and results share a partition number, so these topics must not even grow.
        let fixed = desired("p.results", isFixed: true, retention: .age(.seconds(1)))
        let refused = TopicPlan(desired: [fixed], actual: ["p.results": actual(fixed, partitions: 2)])
        #expect(refused.changes.isEmpty && refused.problems.count == 1 && !refused.obstacles.isEmpty)
    }

    @Test func configurationDriftIsObstacleOnlyWhenItLosesRecords() {
        let topic = desired()
        let cosmetic = TopicPlan(
            desired: [topic], actual: ["p.tasks": actual(topic, changing: ["max.message.bytes": "1000012"])])
        #expect(
            cosmetic.changes == [
                .configure(topic: "p.tasks", key: "max.message.bytes", before: "1000012", after: "4194304")
            ])
        #expect(cosmetic.obstacles.isEmpty)
        let losing = TopicPlan(
            desired: [topic], actual: ["p.tasks": actual(topic, changing: ["retention.ms": "604800000"])])
        #expect(losing.obstacles.count == 1)
    }

    /// An existing topic without a position of the group: it was lost or never set up. This is not fixed silently.
    @Test func missingGroupPositionIsObstacle() {
        let topic = desired(partitions: 2)
        var found = actual(topic)
        found.positions = ["p.workers": [0]]
        let plan = TopicPlan(desired: [topic], actual: ["p.tasks": found])
        #expect(
            plan.changes == [
                .position(
                    group: "p.workers", partition: TopicPartition(topic: "p.tasks", partition: 1), restored: true)
            ])
        #expect(plan.obstacles.count == 1)
        // The topic's creation was interrupted: nothing can have been read there.
        found.unwritten = [1]
        #expect(
            TopicPlan(desired: [topic], actual: ["p.tasks": found]).changes == [
                .position(
                    group: "p.workers", partition: TopicPartition(topic: "p.tasks", partition: 1), restored: false)
            ])
    }

    @Test func minInsyncReplicasFollowsReplication() {
        #expect(desired(replication: 1).configuration["min.insync.replicas"] == "1")
        #expect(desired(replication: 2).configuration["min.insync.replicas"] == "1")
        #expect(desired(replication: 5).configuration["min.insync.replicas"] == "2")
    }
}
