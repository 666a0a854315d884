/// A group's progress in one partition: everything below `frontier` is finished, and beyond it the offsets in
/// `map`.
package struct GroupPosition: Hashable, Sendable {
    /// The first offset that is not finished.
    package var frontier: Int64
    /// The finished offsets beyond the frontier as text (`FinishedMap`); empty when there are none.
    package var map: String

    package init(frontier: Int64, map: String = "") {
        self.frontier = frontier
        self.map = map
    }

    /// The finished offsets beyond the frontier; empty when `map` is not a valid map. Any writer of the log may
    /// write an invalid one: its records are then delivered again, which every reader tolerates, while an error
    /// would stop the partition.
    package var finishedMap: FinishedMap {
        (try? FinishedMap(text: map, frontier: frontier))
            ?? FinishedMap(
                base: min(max(frontier, FinishedMap.bases.lowerBound), FinishedMap.bases.upperBound))
    }

    /// Whether the position is valid, as all that this program writes are.
    package var isReadable: Bool { (try? FinishedMap(text: map, frontier: frontier)) != nil }
}
