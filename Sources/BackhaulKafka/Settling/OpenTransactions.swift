internal import BackhaulLog

/// Which producers have left a transaction open, by what a new owner of partitions sees of them; pure.
///
/// A position is unstable for some milliseconds with every settlement. One that is unstable twice, a while apart, and was
/// moved by nobody in between, has a transaction over it that goes nowhere.
struct OpenTransactions: Equatable, Sendable {
    /// A position that an open transaction is about to move, as it was before.
    struct Mark: Equatable, Sendable {
        var offset: Int64
        /// The transactional id of the last producer that has moved it; nil where that is not known.
        var writer: String?
    }

    private struct Sighting: Equatable, Sendable {
        var mark: Mark
        var since: ContinuousClock.Instant
    }

    private var sightings: [TopicPartition: Sighting] = [:]

    /// Takes in what is unstable now.
    /// - Parameter patience: how long a position stays unstable before its transaction counts as left open.
    /// - Returns: the writers of those that are over it.
    mutating func overdue(
        _ unstable: [TopicPartition: Mark], at now: ContinuousClock.Instant, patience: Duration
    ) -> Set<String> {
        var writers: Set<String> = []
        sightings = Dictionary(
            uniqueKeysWithValues: unstable.map { partition, mark in
                guard let earlier = sightings[partition], earlier.mark == mark else {
                    return (partition, Sighting(mark: mark, since: now))
                }
                if now - earlier.since >= patience, let writer = mark.writer { writers.insert(writer) }
                return (partition, earlier)
            })
        return writers
    }
}
