/// Tracks which records of a partition a group has received and finished. Pure.
///
/// Records finish in any order. The *frontier* is the first unfinished offset; a map contains what is finished
/// beyond it, so that a crash or a rebalance repeats nothing. This is the idea of Confluent Parallel Consumer's
/// `PartitionState`, without its two losses: the map is never dropped, because the span is capped before it could
/// overflow, and at the cap intake waits.
///
/// Offsets that the log never delivers (transaction markers, aborted or compacted records) count as finished: the
/// frontier follows the consumer's position.
package struct OffsetLedger: Equatable, Sendable {
    /// Largest distance between frontier and position, in offsets: the longest map of that span still fits 4096
    /// bytes.
    package static let maximumSpan: Int64 = 20_000

    /// The first offset that is not finished.
    package private(set) var frontier: Int64
    /// The next offset that the log may deliver; everything below was delivered, finished or skipped.
    package private(set) var position: Int64
    private var finished: FinishedMap

    /// Starts at a group's position. A position that cannot be read counts as if nothing beyond its frontier were
    /// finished: those records are delivered again, which their readers tolerate, while an error would stop every
    /// owner of the partition.
    package init(_ position: GroupPosition) {
        finished = position.finishedMap
        frontier = finished.base
        self.position = finished.base
        advanceFrontier()
    }

    /// Offsets between frontier and position: the length that the map may have to cover.
    package var span: Int64 { position - frontier }

    /// Whether intake has to wait until the head is finished.
    package func isFull(maximumSpan: Int64 = Self.maximumSpan) -> Bool { span >= maximumSpan }

    /// Number of records that are delivered and not finished.
    package var outstanding: Int { Int(span) - finished.count(from: frontier) + finished.count(from: position) }

    /// Whether the offset is finished: below the frontier, or in the map.
    package func isFinished(_ offset: Int64) -> Bool { offset < frontier || finished.contains(offset) }

    /// Registers that the log delivered `offset`. Skipped offsets below it count as finished.
    /// - Returns: whether to pass the record on; false when it was delivered before, or is finished in the map of
    ///   an earlier owner.
    package mutating func deliver(_ offset: Int64) -> Bool {
        guard offset >= position, FinishedMap.offsets.contains(offset) else { return false }
        skip(to: offset)
        let isNew = !finished.contains(offset)
        position = offset + 1
        advanceFrontier()
        return isNew
    }

    /// Registers that the log has nothing to deliver below `offset`: a gap at the end of a read counts as finished.
    ///
    /// With an unfinished head, advances only as far as the map can cover, however long the gap (aborted
    /// transactions). The caller calls again once the head is finished; then the frontier jumps.
    package mutating func advance(to offset: Int64) {
        let offset = frontier == position ? offset : min(offset, frontier + Self.maximumSpan)
        guard offset > position, FinishedMap.offsets.contains(offset) else { return }
        skip(to: offset)
        advanceFrontier()
    }

    /// Whether a record at `offset` has to wait: it is too far beyond an unfinished head (also after a long gap)
    /// for the map to cover it.
    package func mustWait(for offset: Int64, maximumSpan: Int64 = Self.maximumSpan) -> Bool {
        offset > frontier && offset - frontier >= maximumSpan && frontier < position
    }

    /// Marks a delivered record as finished.
    /// - Returns: false when the offset was never delivered or was finished before; nothing changes then.
    @discardableResult
    package mutating func finish(_ offset: Int64) -> Bool {
        guard offset >= frontier, offset < position, !finished.contains(offset) else { return false }
        finished.insert(offset)
        advanceFrontier()
        return true
    }

    /// Marks a record at or beyond the frontier as finished, whether it was delivered from here or earlier. When
    /// the log delivers it, it is skipped.
    package mutating func finishAhead(_ offset: Int64) {
        guard offset >= frontier, offset - frontier < FinishedMap.limit, FinishedMap.offsets.contains(offset),
            !finished.contains(offset)
        else { return }
        finished.insert(offset)
        advanceFrontier()
    }

    /// The offsets that were delivered and are not finished, ascending.
    package var outstandingOffsets: [Int64] { (frontier..<position).filter { !finished.contains($0) } }

    /// The group's position to commit.
    package var groupPosition: GroupPosition {
        GroupPosition(frontier: frontier, map: finished.text(frontier: frontier))
    }

    private mutating func skip(to offset: Int64) {
        if frontier == position {
            // Nothing is outstanding: the frontier jumps, however long the gap (compaction leaves long ones).
            frontier = offset
            finished.rebase(to: offset)
        } else {
            finished.insert(position..<offset)
        }
        position = offset
    }

    /// Also moves the position past what an earlier owner finished; it is not delivered again.
    private mutating func advanceFrontier() {
        let next = finished.firstMissing(from: frontier)
        guard next > frontier else { return }
        frontier = next
        position = max(position, next)
        finished.rebase(to: next)
    }
}
