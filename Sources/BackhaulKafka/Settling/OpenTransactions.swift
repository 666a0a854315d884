internal import BackhaulLog

/// Finds the producers that left a transaction open, from the positions that a new owner of partitions reads; pure.
///
/// Every settlement makes a position unstable for some milliseconds. A position that stays unstable and unchanged for
/// longer has an open transaction that makes no progress.
struct OpenTransactions: Equatable, Sendable {
    /// A position before the open transaction that is about to move it.
    struct Mark: Equatable, Sendable {
        var offset: Int64
        /// The transactional id of the last producer that moved it; nil when unknown.
        var writer: String?
    }

    private struct Sighting: Equatable, Sendable {
        var mark: Mark
        var since: ContinuousClock.Instant
    }

    private var sightings: [TopicPartition: Sighting] = [:]

    /// Records the positions that are unstable now.
    /// - Parameter patience: how long a position stays unstable before its transaction counts as left open.
    /// - Returns: the known writers of the positions that have been unstable for that long.
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
