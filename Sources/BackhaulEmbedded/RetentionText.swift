internal import BackhaulLog
internal import Foundation

/// A topic's retention as it stands in the `topics` table: JSON.
struct RetentionText: Codable {
    var kind: String
    var readers: [String]?
    var milliseconds: Int64?

    init(_ retention: Retention) {
        switch retention {
        case .untilRead(let readers, let atLeast):
            kind = "untilRead"
            self.readers = readers
            milliseconds = atLeast
        case .age(let age):
            kind = "age"
            milliseconds = age
        case .compact:
            kind = "compact"
        }
    }

    var text: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
    }

    /// - Throws: `LogError.damaged` when the text is none.
    static func parse(_ text: String, topic: String) throws -> Retention {
        let damaged = LogError.damaged(what: "the retention of topic '\(topic)' is unreadable", place: "topics")
        guard let parsed = try? JSONDecoder().decode(Self.self, from: Data(text.utf8)) else { throw damaged }
        switch parsed.kind {
        case "untilRead": return .untilRead(by: parsed.readers ?? [], atLeast: parsed.milliseconds ?? 0)
        case "age": return .age(parsed.milliseconds ?? 0)
        case "compact": return .compact
        default: throw damaged
        }
    }
}
