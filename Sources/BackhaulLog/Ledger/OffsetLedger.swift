/// What a group has been given and has finished in one partition; pure.
///
/// Records finish in any order. The *frontier* is the first unfinished offset; what is finished beyond it is kept as a
/// map beside it, so that a crash or a rebalance repeats nothing (the idea of Confluent Parallel Consumer's
/// `PartitionState`, without its two losses: the map is never dropped, because the span is capped before it could
/// overflow, and the cap holds intake back instead).
///
/// Offsets that the log never delivers (transaction markers, aborted or compacted records) count as finished: the
/// frontier follows the consumer's position.
package struct OffsetLedger: Equatable, Sendable {
    /// How many offsets may lie between the frontier and the position: the worst map of that span still fits 4096 bytes.
    package static let maximumSpan: Int64 = 20_000

    /// The first offset that is not finished.
    package private(set) var frontier: Int64
    /// The next offset that the log may deliver; everything below was delivered, finished or skipped.
    package private(set) var position: Int64
    private var finished: FinishedMap

    /// Takes up a group's position. One that cannot be read counts as if nothing beyond its frontier were finished: those
    /// records are delivered again, which their readers bear, while an error would keep every owner of the partition from
    /// working.
    package init(_ position: GroupPosition) {
        finished = position.finishedMap
        frontier = finished.base
        self.position = finished.base
        advanceFrontier()
    }

    /// Offsets between frontier and position: the length that the map may have to tell.
    package var span: Int64 { position - frontier }

    /// Whether intake has to wait until the head is finished.
    package func isFull(maximumSpan: Int64 = Self.maximumSpan) -> Bool { span >= maximumSpan }

    /// Delivered and not finished.
    package var outstanding: Int { Int(span) - finished.count(from: frontier) + finished.count(from: position) }

    /// Whether the offset is finished: below the frontier, or in the map.
    package func isFinished(_ offset: Int64) -> Bool { offset < frontier || finished.contains(offset) }

    /// The log handed over the record at `offset`. Offsets skipped on the way count as finished.
    /// - Returns: whether to deliver it; false when it was finished before (by the map of an earlier owner).
    package mutating func deliver(_ offset: Int64) -> Bool {
        guard offset >= position, FinishedMap.offsets.contains(offset) else { return false }
        skip(to: offset)
        let isNew = !finished.contains(offset)
        position = offset + 1
        advanceFrontier()
        return isNew
    }

    /// The log has nothing to deliver below `offset`: a gap at the end of what was read counts as finished.
    ///
    /// Behind an unfinished head no further than the map can tell, however long the gap (aborted transactions): the caller
    /// asks again once the head is finished, and then the frontier jumps.
    package mutating func advance(to offset: Int64) {
        let offset = frontier == position ? offset : min(offset, frontier + Self.maximumSpan)
        guard offset > position, FinishedMap.offsets.contains(offset) else { return }
        skip(to: offset)
        advanceFrontier()
    }

    /// Whether a record at `offset` has to wait: it lies so far beyond an unfinished head (behind a long gap, too) that
    /// the map could not tell it.
    package func mustWait(for offset: Int64, maximumSpan: Int64 = Self.maximumSpan) -> Bool {
        offset > frontier && offset - frontier >= maximumSpan && frontier < position
    }

    /// A delivered record is finished.
    /// - Returns: false when the offset was never delivered or was finished before; nothing changes then.
    @discardableResult
    package mutating func finish(_ offset: Int64) -> Bool {
        guard offset >= frontier, offset < position, !finished.contains(offset) else { return false }
        finished.insert(offset)
        advanceFrontier()
        return true
    }

    /// A record at or beyond the frontier is finished, whether it was delivered from here or earlier: when it comes, it is
    /// passed over.
    package mutating func finishAhead(_ offset: Int64) {
        guard offset >= frontier, offset - frontier < FinishedMap.limit, FinishedMap.offsets.contains(offset),
            !finished.contains(offset)
        else { return }
        finished.insert(offset)
        advanceFrontier()
    }

    /// The offsets that were delivered and are not finished, ascending.
    package var outstandingOffsets: [Int64] { (frontier..<position).filter { !finished.contains($0) } }

    /// What to write down as the group's position.
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

    /// What an earlier owner finished beyond the position is passed too; it will not be delivered again.
    private mutating func advanceFrontier() {
        let next = finished.firstMissing(from: frontier)
        guard next > frontier else { return }
        frontier = next
        position = max(position, next)
        finished.rebase(to: next)
    }
}
