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

    /// The finished offsets beyond the frontier.
    /// - Throws: `LogError.damaged` when the text is no map.
    package func finishedMap() throws -> FinishedMap {
        try FinishedMap(text: map, frontier: frontier)
    }
}
