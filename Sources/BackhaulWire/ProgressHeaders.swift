package import BackhaulDomain
internal import Foundation

/// What changes while a task is on its way, as header texts. Pairs of name and text: the log's own type is not known here.
package enum ProgressHeaders {
    /// Only what differs from a fresh task is written.
    package static func encode(_ progress: TaskProgress) -> [(name: String, text: String)] {
        var headers: [(String, String)] = []
        if progress.generation > 0 { headers.append((HeaderName.generation, String(progress.generation))) }
        if progress.attempts > 0 { headers.append((HeaderName.attempts, String(progress.attempts))) }
        if progress.crashes > 0 { headers.append((HeaderName.crashes, String(progress.crashes))) }
        if let due = progress.due { headers.append((HeaderName.due, String(due))) }
        if progress.isHandedOver { headers.append((HeaderName.handedOver, "1")) }
        if !progress.history.isEmpty { headers.append((HeaderName.history, historyText(progress.history))) }
        return headers
    }

    /// Reads what `encode` wrote; `text` gives the text of the last header of a name.
    /// - Throws: `WireError` when a header is there and is not what it should be.
    package static func decode(_ text: (String) -> String?) throws(WireError) -> TaskProgress {
        func number(_ name: String) throws(WireError) -> Int? {
            guard let found = text(name) else { return nil }
            guard let value = Int(found), Domain.counts.contains(value) else {
                throw .invalid(what: "task", problem: "header '\(name)' is no number in range")
            }
            return value
        }
        var progress = TaskProgress()
        progress.generation = try number(HeaderName.generation) ?? 0
        progress.attempts = try number(HeaderName.attempts) ?? 0
        progress.crashes = try number(HeaderName.crashes) ?? 0
        if let due = text(HeaderName.due) {
            guard let value = Int64(due), Domain.times.contains(value) else {
                throw .invalid(what: "task", problem: "header '\(HeaderName.due)' is no time")
            }
            progress.due = value
        }
        progress.isHandedOver = text(HeaderName.handedOver) == "1"
        if let history = text(HeaderName.history) {
            guard let list = try? JSONDecoder().decode([AttemptRecord].self, from: Data(history.utf8)) else {
                throw .invalid(what: "task", problem: "header '\(HeaderName.history)' is no history")
            }
            progress.history = list.suffix(TaskProgress.longestHistory).map(\.bounded)
        }
        return progress
    }

    private static func historyText(_ history: [AttemptRecord]) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(history)).map { String(decoding: $0, as: UTF8.self) } ?? "[]"
    }
}
