internal import DequeModule

/// Allows one upload per key at a time, in the order of delivery. The first member in the queue of its key may run.
/// Pure.
struct KeyOrder<Member: Hashable & Sendable>: Sendable {
    private var lines: [[UInt8]: Deque<Member>] = [:]

    /// Adds the member to the end of its key's queue.
    /// - Returns: whether the member is first.
    mutating func join(_ member: Member, key: [UInt8]) -> Bool {
        lines[key, default: []].append(member)
        return lines[key]?.first == member
    }

    /// The member that may run; nil for an empty queue.
    func first(of key: [UInt8]) -> Member? { lines[key]?.first }

    /// Removes the member from its key's queue.
    /// - Returns: the new first member, if the first one left.
    mutating func leave(_ member: Member, key: [UInt8]) -> Member? {
        // Taken out, so that the change copies nothing.
        guard var line = lines.removeValue(forKey: key) else { return nil }
        let index = line.firstIndex(of: member)
        if let index { line.remove(at: index) }
        if !line.isEmpty { lines[key] = line }
        return index == 0 ? line.first : nil
    }
}
