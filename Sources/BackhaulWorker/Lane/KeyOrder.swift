/// One upload of a key at a time, in the order of delivery; pure. Whoever is first in its key's line may run.
struct KeyOrder<Member: Hashable & Sendable>: Sendable {
    private var lines: [[UInt8]: [Member]] = [:]

    /// - Returns: whether the member is first.
    mutating func join(_ member: Member, key: [UInt8]) -> Bool {
        lines[key, default: []].append(member)
        return lines[key]?.first == member
    }

    /// Who may run.
    func first(of key: [UInt8]) -> Member? { lines[key]?.first }

    /// - Returns: who is first now, if that changed.
    mutating func leave(_ member: Member, key: [UInt8]) -> Member? {
        guard var line = lines[key], let index = line.firstIndex(of: member) else { return nil }
        line.remove(at: index)
        lines[key] = line.isEmpty ? nil : line
        return index == 0 ? line.first : nil
    }
}
