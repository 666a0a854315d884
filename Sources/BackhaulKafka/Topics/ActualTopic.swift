/// A topic as it exists in the cluster.
package struct ActualTopic: Hashable, Sendable {
    package struct Configuration: Hashable, Sendable {
        /// The value of every key, defaults included.
        package var values: [String: String] = [:]
        /// The keys that are set for this topic itself.
        package var own: Set<String> = []

        package init() {}
    }

    package var partitions: Int
    package var replication: Int
    package var configuration: Configuration
    /// The partitions in which each reader group has a position, by group.
    package var positions: [String: Set<Int>]
    /// Partitions that are known never to have had a record: a first position there skips nothing.
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
