internal import BackhaulLog
internal import BackhaulUnits
internal import Foundation

/// A topic's retention as JSON, for the `topics` table.
struct RetentionText: Codable {
    var kind: String
    var readers: [String]?
    var milliseconds: Int64?
    var answers: [String]?

    init(_ topic: TopicSpecification) {
        answers = topic.answers.isEmpty ? nil : topic.answers
        switch topic.retention {
        case .untilRead(let readers, let atLeast):
            kind = "untilRead"
            self.readers = readers
            milliseconds = atLeast.inMilliseconds
        case .age(let age):
            kind = "age"
            milliseconds = age.inMilliseconds
        case .compact:
            kind = "compact"
        }
    }

    var text: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
    }

    /// - Throws: `LogError.damaged` when the text is not valid.
    static func parse(_ text: String, topic: String) throws -> (retention: Retention, answers: [String]) {
        let damaged = LogError.damaged(what: "the retention of topic '\(topic)' is unreadable", place: "topics")
        guard let parsed = try? JSONDecoder().decode(Self.self, from: Data(text.utf8)) else { throw damaged }
        // An age beyond the largest time of a record means forever.
        let age = Duration.milliseconds(min(max(0, parsed.milliseconds ?? 0), Timestamp.latest.milliseconds))
        let answers = parsed.answers ?? []
        switch parsed.kind {
        case "untilRead": return (.untilRead(by: parsed.readers ?? [], atLeast: age), answers)
        case "age": return (.age(age), answers)
        case "compact": return (.compact, answers)
        default: throw damaged
        }
    }
}
