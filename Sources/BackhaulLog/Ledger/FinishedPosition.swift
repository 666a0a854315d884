internal import BackhaulUnits

/// A group's position, prepared for queries of single offsets.
package struct FinishedPosition: Sendable {
    private let frontier: Int64
    private let map: FinishedMap

    package init(_ position: GroupPosition) {
        frontier = position.frontier
        map = position.finishedMap
    }

    /// How many offsets below `earliest` are not finished, at least.
    package func unread(before earliest: Int64) -> Int64 {
        guard frontier < earliest else { return 0 }
        // The map is bounded, and so is this count.
        return (frontier..<min(earliest, frontier.addingClamped(1 << 20))).reduce(0) { $0 + (map.contains($1) ? 0 : 1) }
    }

    package func isFinished(_ offset: Int64) -> Bool { offset < frontier || map.contains(offset) }
}
