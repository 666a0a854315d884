package import BackhaulDomain

/// Which task generations have their result: what makes it one each; pure.
///
/// Fed only by committed results and by the flush in hand. Entries are 128-bit hashes, 16 bytes a generation, in place
/// of the identities: of 10⁸ generations two collide with a probability of 10⁻²³.
package struct ResultFold: Sendable {
    private struct Entry: Hashable, Sendable {
        let high: Int
        let low: Int

        init(_ task: TaskGeneration) {
            // Two keyed hashes with different prefixes; they need to be the same in this process only.
            var first = Hasher()
            first.combine(0)
            first.combine(task)
            var second = Hasher()
            second.combine(task)
            second.combine(1)
            high = first.finalize()
            low = second.finalize()
        }
    }

    private var entries: Set<Entry> = []
    /// Those that ended by a cancel.
    private var cancelled: Set<Entry> = []

    package init() {}

    /// Notes the result of a generation.
    /// - Returns: whether it is the first.
    package mutating func insert(_ task: TaskGeneration, isCancel: Bool = false) -> Bool {
        let entry = Entry(task)
        guard entries.insert(entry).inserted else { return false }
        if isCancel { cancelled.insert(entry) }
        return true
    }

    /// Whether the generation's result is that it was cancelled.
    package func isCancelled(_ task: TaskGeneration) -> Bool { cancelled.contains(Entry(task)) }

    package func contains(_ task: TaskGeneration) -> Bool { entries.contains(Entry(task)) }

    package var count: Int { entries.count }
}
