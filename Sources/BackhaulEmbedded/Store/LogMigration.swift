package import BackhaulUnits

/// The move of an embedded log to a cluster, as its store records it.
package struct LogMigration: Hashable, Sendable {
    /// Names the move: a UUID.
    package var id: String
    /// The cluster's id, which it has for life.
    package var cluster: String
    /// The prefix of the topics there.
    package var prefix: String
    package var startedAt: Timestamp
    /// nil until everything is in the cluster.
    package var finishedAt: Timestamp?

    /// Where the records are, to follow "it".
    package var text: String {
        let place = "the Kafka cluster '\(cluster)' (topics \(prefix)*)"
        return finishedAt.map { "moved to \(place) at \(TimeText.format($0)); give that cluster with --log" }
            ?? "is moving to \(place); run 'backhaul migrate --yes' with that cluster to finish"
    }
}
