/// A topic as Kafka holds it.
package struct ActualTopic: Hashable, Sendable {
    package struct Configuration: Hashable, Sendable {
        /// Every key's value, defaults included.
        package var values: [String: String] = [:]
        /// Keys that are set for this topic.
        package var own: Set<String> = []

        package init() {}
    }

    package var partitions: Int
    package var replication: Int
    package var configuration: Configuration
    /// By reader group: the partitions in which it stands.
    package var positions: [String: Set<Int>]
    /// Partitions that have never held a record, as far as it was asked: a first position there skips nothing.
    package var unwritten: Set<Int>

    package init(
        partitions: Int, replication: Int, configuration: Configuration, positions: [String: Set<Int>],
        unwritten: Set<Int> = []
    ) {
        self.partitions = partitions
        self.replication = replication
        self.configuration = configuration
        self.positions = positions
        self.unwritten = unwritten
    }
}
