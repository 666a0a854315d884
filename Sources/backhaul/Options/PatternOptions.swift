import ArgumentParser
import BackhaulFiles
import Foundation

/// Which files below the named folders are taken.
struct PatternOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Submit only files that match this pattern, or are in a folder that matches; may be repeated.",
            valueName: "pattern"))
    var include: [String] = []

    @Option(help: ArgumentHelp("Patterns for --include, one a line; may be repeated.", valueName: "file"))
    var includeFrom: [String] = []

    @Option(
        help: ArgumentHelp("Skip files and folders that match this pattern; may be repeated.", valueName: "pattern"))
    var exclude: [String] = []

    @Option(help: ArgumentHelp("Patterns for --exclude, one a line; may be repeated.", valueName: "file"))
    var excludeFrom: [String] = []

    /// - Throws: `CommandError` for a pattern that can match nothing, and a file that cannot be read.
    func filter() throws -> NameFilter {
        func patterns(_ option: String, _ given: [String], _ files: [String]) throws -> [NamePattern] {
            do {
                var found: [NamePattern] = []
                for file in files {
                    guard let text = try? String(contentsOfFile: file, encoding: .utf8) else {
                        throw CommandError("\(option)-from \(file): cannot be read as text", exit: .usage)
                    }
                    found += try NamePattern.list(of: text)
                }
                return try found + given.map(NamePattern.init)
            } catch NamePattern.InvalidError.empty {
                throw CommandError("\(option): a pattern is empty and would match nothing", exit: .usage)
            }
        }
        return NameFilter(
            include: try patterns("--include", include, includeFrom),
            exclude: try patterns("--exclude", exclude, excludeFrom))
    }
}
