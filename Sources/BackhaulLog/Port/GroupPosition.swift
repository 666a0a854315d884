/// How far a group has come in one partition: everything below `frontier` is finished, and beyond it what `map` says.
package struct GroupPosition: Hashable, Sendable {
    /// The first offset that is not finished.
    package var frontier: Int64
    /// The finished offsets beyond the frontier as text (`FinishedMap`); empty when there are none.
    package var map: String

    package init(frontier: Int64, map: String = "") {
        self.frontier = frontier
        self.map = map
    }

    /// The finished offsets beyond the frontier; none when the text is no map. Whoever may write to the log may write one:
    /// what it would have said is delivered again, which every reader bears, while an error would stop the partition.
    package var finishedMap: FinishedMap {
        (try? FinishedMap(text: map, frontier: frontier))
            ?? FinishedMap(
                base: min(max(frontier, FinishedMap.bases.lowerBound), FinishedMap.bases.upperBound))
    }

    /// Whether the position is one that this program writes.
    package var isReadable: Bool { (try? FinishedMap(text: map, frontier: frontier)) != nil }
}
