package import BackhaulDomain
package import BackhaulLog
internal import BackhaulUnits
internal import Foundation

/// Encodes and decodes a task's progress as headers.
package enum ProgressHeaders {
    /// Writes only what differs from a new task.
    package static func encode(_ progress: TaskProgress) -> [LogHeader] {
        var headers: [LogHeader] = []
        func add(_ name: String, _ text: String) { headers.append(LogHeader(name, text: text)) }
        if progress.generation > 0 { add(HeaderName.generation, String(progress.generation)) }
        if progress.attempts > 0 { add(HeaderName.attempts, String(progress.attempts)) }
        if progress.crashes > 0 { add(HeaderName.crashes, String(progress.crashes)) }
        if let due = progress.due { add(HeaderName.due, String(due.milliseconds)) }
        if progress.isHandedOver { add(HeaderName.handedOver, "1") }
        if !progress.history.isEmpty { add(HeaderName.history, historyText(progress.history)) }
        if !progress.uploadState.isEmpty {
            headers.append(LogHeader(HeaderName.uploadState, progress.uploadState))
        }
        if !progress.replay.isEmpty { add(HeaderName.replay, progress.replay) }
        if progress.effort != TaskEffort() { add(HeaderName.effort, EffortCodec.text(progress.effort)) }
        return headers
    }

    /// The headers of a record with new progress: the producer's are kept, Backhaul's are replaced.
    static func replace(in record: LogRecord, by progress: TaskProgress) -> [LogHeader] {
        record.headers.filter { !$0.name.utf8.starts(with: HeaderName.prefix.utf8) } + encode(progress)
    }

    /// Reads what `encode` wrote.
    /// - Throws: `RecordError` when a header is present but invalid.
    package static func decode(_ record: LogRecord) throws(RecordError) -> TaskProgress {
        func text(_ name: String) -> String? { record.header(name)?.text }
        func number(_ name: String) throws(RecordError) -> Int? {
            guard let found = text(name) else { return nil }
            guard let value = Int(found), Domain.counts.contains(value) else {
                throw .invalid(what: "task", problem: "header '\(name)' is not a number in range")
            }
            return value
        }
        var progress = TaskProgress()
        progress.generation = try number(HeaderName.generation) ?? 0
        progress.attempts = try number(HeaderName.attempts) ?? 0
        progress.crashes = try number(HeaderName.crashes) ?? 0
        if let due = text(HeaderName.due) {
            guard let value = Int64(due).flatMap(Timestamp.init(exactly:)) else {
                throw .invalid(what: "task", problem: "header '\(HeaderName.due)' is not a valid time")
            }
            progress.due = value
        }
        progress.isHandedOver = text(HeaderName.handedOver) == "1"
        if let history = text(HeaderName.history) {
            guard let list = try? JSONDecoder().decode([AttemptRecord].self, from: Data(history.utf8)) else {
                throw .invalid(what: "task", problem: "header '\(HeaderName.history)' is not a valid history")
            }
            progress.history = list.suffix(TaskProgress.longestHistory).map(\.bounded)
        }
        if let state = record.header(HeaderName.uploadState)?.value {
            guard state.count <= TaskProgress.largestState else {
                throw .invalid(what: "task", problem: "header '\(HeaderName.uploadState)' is too long")
            }
            progress.uploadState = state
        }
        if let replay = text(HeaderName.replay) {
            guard ReplayName.isValid(replay) else {
                throw .invalid(what: "task", problem: "header '\(HeaderName.replay)' is not the id of a replay")
            }
            progress.replay = replay
        }
        if let effort = text(HeaderName.effort) {
            guard let found = EffortCodec.read(effort) else {
                throw .invalid(what: "task", problem: "header '\(HeaderName.effort)' is not three numbers in range")
            }
            progress.effort = found
        }
        return progress
    }

    private static func historyText(_ history: [AttemptRecord]) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(history)).map { String(decoding: $0, as: UTF8.self) } ?? "[]"
    }
}
