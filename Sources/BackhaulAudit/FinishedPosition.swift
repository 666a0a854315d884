internal import BackhaulLog

/// A group's position, ready to be asked.
struct FinishedPosition: Sendable {
    private let frontier: Int64
    private let map: FinishedMap

    /// - Throws: `LogError.damaged` when the map is unreadable.
    init(_ position: GroupPosition) throws {
        frontier = position.frontier
        map = try position.finishedMap()
    }

    func isFinished(_ offset: Int64) -> Bool { offset < frontier || map.contains(offset) }
}
