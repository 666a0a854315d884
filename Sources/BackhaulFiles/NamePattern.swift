internal import Foundation

/// A pattern of names in the dialect of `.gitignore` (gitignore(5)), relative to the folder that is walked.
///
/// Without a slash, or with one at its end only, it matches a name at any depth; with another slash it matches a path
/// from the folder. A slash at the end matches folders only. `*`, `?` and `[…]` do not match a slash; `**` matches any
/// number of folders. `!` takes back what an earlier pattern of the list says. Names are compared by bytes.
package struct NamePattern: Hashable, Sendable {
    package enum InvalidError: Error, Hashable, Sendable {
        /// It matches nothing.
        case empty
    }

    /// As it was given.
    package let text: String
    let isNegated: Bool
    private let isFolderOnly: Bool
    /// Whether it is matched against the path, not the name alone.
    private let isPath: Bool
    private let segments: [String]

    private static let anyFolders = "**"
    private static let slash = UInt8(ascii: "/")

    package init(_ text: String) throws(InvalidError) {
        self.text = text
        var rest = Substring(text).utf8
        isNegated = rest.first == UInt8(ascii: "!")
        if isNegated { rest = rest.dropFirst() }
        isFolderOnly = rest.last == Self.slash
        let isAnchored = rest.first == Self.slash
        var segments: [String] = []
        for segment in rest.split(separator: Self.slash).map({ String(Substring($0)) })
        where segment != Self.anyFolders || segments.last != segment {
            segments.append(segment)
        }
        guard let first = segments.first else { throw .empty }
        self.segments = segments
        isPath = isAnchored || segments.count > 1 || first == Self.anyFolders
    }

    /// The patterns of a file's text, one a line; blank lines and lines that begin with `#` are none.
    package static func list(of text: String) throws(InvalidError) -> [NamePattern] {
        var found: [NamePattern] = []
        for line in text.utf8.split(separator: UInt8(ascii: "\n")) {
            var line = line
            // Of files from Windows.
            if line.last == UInt8(ascii: "\r") { line = line.dropLast() }
            // A space at the end counts only behind a backslash.
            while line.last == UInt8(ascii: " "), line.dropLast().last != UInt8(ascii: "\\") { line = line.dropLast() }
            guard let first = line.first, first != UInt8(ascii: "#") else { continue }
            found.append(try NamePattern(String(Substring(line))))
        }
        return found
    }

    /// - Parameter path: the names from the folder that is walked down to the entry.
    func matches(_ path: [String], isFolder: Bool) -> Bool {
        guard isFolder || !isFolderOnly, let name = path.last else { return false }
        return isPath ? Self.matches(segments[...], path[...]) : fnmatch(segments[0], name, 0) == 0
    }

    private static func matches(_ pattern: ArraySlice<String>, _ path: ArraySlice<String>) -> Bool {
        guard let first = pattern.first else { return path.isEmpty }
        let rest = pattern.dropFirst()
        guard first == anyFolders else {
            guard let name = path.first, fnmatch(first, name, 0) == 0 else { return false }
            return matches(rest, path.dropFirst())
        }
        // At the end: everything inside, and not the folder itself.
        if rest.isEmpty { return !path.isEmpty }
        return (0...path.count).contains { matches(rest, path.dropFirst($0)) }
    }
}
