/// Which entries of a walk are taken: by patterns of `.gitignore`'s dialect, the last one that matches deciding.
package struct NameFilter: Hashable, Sendable {
    private let include: [NamePattern]
    private let exclude: [NamePattern]
    private var isUsed: [Bool]

    /// - Parameters:
    ///   - include: takes only files that match, or are in a folder that matches; empty for all.
    ///   - exclude: leaves out what matches, and everything in a folder that matches.
    package init(include: [NamePattern] = [], exclude: [NamePattern] = []) {
        self.include = include
        self.exclude = exclude
        isUsed = Array(repeating: false, count: include.count + exclude.count)
    }

    /// The patterns that no entry has matched.
    package var unmatched: [NamePattern] {
        zip(include + exclude, isUsed).filter { !$0.1 }.map(\.0)
    }

    mutating func excludes(_ path: [String], isFolder: Bool) -> Bool {
        decide(exclude, from: include.count, path, isFolder) ?? false
    }

    /// - Parameter isInside: whether a folder above it is included.
    mutating func includes(_ path: [String], isFolder: Bool, isInside: Bool) -> Bool {
        decide(include, from: 0, path, isFolder) ?? (isInside || include.isEmpty)
    }

    private mutating func decide(
        _ patterns: [NamePattern], from first: Int, _ path: [String], _ isFolder: Bool
    ) -> Bool? {
        var decision: Bool?
        for (index, pattern) in patterns.enumerated().reversed() {
            // Decided, but a pattern that has matched nothing so far may match this.
            if decision != nil, isUsed[first + index] { continue }
            guard pattern.matches(path, isFolder: isFolder) else { continue }
            isUsed[first + index] = true
            if decision == nil { decision = !pattern.isNegated }
        }
        return decision
    }
}
