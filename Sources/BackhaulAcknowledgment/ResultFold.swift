package import BackhaulDomain

/// Which task generations have their result, and where: what makes it one each; pure.
///
/// Fed only by committed results and by the flush in hand. Entries are 128-bit hashes, 16 bytes a generation, in place
/// of the identities: of 10⁸ generations two collide with a probability of 10⁻²³.
package struct ResultFold: Sendable {
    private struct Key: Hashable, Sendable {
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

    /// The offset of each generation's result, and in the lowest bit whether it was a cancel.
    private var entries: [Key: Int64] = [:]

    package init() {}

    /// Notes the result of a generation.
    /// - Parameter offset: where the result is; not before, where that is not known exactly.
    /// - Returns: whether it is the first.
    package mutating func insert(_ task: TaskGeneration, at offset: Int64, isCancel: Bool = false) -> Bool {
        let entry = min(max(0, offset), Int64.max >> 1) << 1 | (isCancel ? 1 : 0)
        return entries.updateValue(entry, forKey: Key(task)).map { old in
            entries[Key(task)] = old
            return false
        } ?? true
    }

    /// Where the generation's result is; nil when it has none.
    package func offset(of task: TaskGeneration) -> Int64? { entries[Key(task)].map { $0 >> 1 } }

    /// Whether the generation's result is that it was cancelled.
    package func isCancelled(_ task: TaskGeneration) -> Bool { entries[Key(task)].map { $0 & 1 == 1 } ?? false }

    package func contains(_ task: TaskGeneration) -> Bool { entries[Key(task)] != nil }

    /// The result has gone from the log: whatever comes of that name is another task.
    package mutating func forget(_ task: TaskGeneration) { entries[Key(task)] = nil }

    /// Forgets the results before an offset.
    package mutating func forget(before offset: Int64) { entries = entries.filter { $0.value >> 1 >= offset } }

    package var count: Int { entries.count }
}
