internal import BackhaulLog

/// A group's position, prepared for queries of single offsets.
struct FinishedPosition: Sendable {
    private let frontier: Int64
    private let map: FinishedMap

    init(_ position: GroupPosition) {
        frontier = position.frontier
        map = position.finishedMap
    }

    func isFinished(_ offset: Int64) -> Bool { offset < frontier || map.contains(offset) }
}
