package import Foundation
package import Logging
internal import Synchronization

/// One JSON object a line on stderr: `time`, `level`, `event`, `logger`, and the metadata's keys beside them. Secrets are
/// taken out; control characters are escaped by JSON, so that no value can forge a line.
package struct JSONLogHandler: LogHandler {
    package var metadata: Logger.Metadata = [:]
    /// The least level that the process writes, for every logger that was given none of its own.
    package static var threshold: Logger.Level {
        get { Logger.Level.allCases[index.load(ordering: .relaxed)] }
        set { index.store(Logger.Level.allCases.firstIndex(of: newValue) ?? 0, ordering: .relaxed) }
    }

    /// Read for every event, written or not: no lock.
    private static let index = Atomic(Logger.Level.allCases.firstIndex(of: .info) ?? 0)

    private var own: Logger.Level?
    private let label: String

    /// The process's level, which may change while it runs, until it is set.
    package var logLevel: Logger.Level {
        get { own ?? Self.threshold }
        set { own = newValue }
    }

    package init(label: String) { self.label = label }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        let line = Self.line(
            level: event.level, message: event.message.description, label: label,
            metadata: metadata.merging(event.metadata ?? [:]) { $1 })
        // One write a line: lines of two threads do not mix.
        try? FileHandle.standardError.write(contentsOf: line)
    }

    /// The line of an event, newline included.
    package static func line(
        level: Logger.Level, message: String, label: String, metadata: Logger.Metadata, time: Date = Date()
    ) -> Data {
        var fields: [String: String] = [:]
        for (key, value) in metadata {
            fields[key] = Redaction.isSecret(key: key) ? Redaction.mark : Redaction.clean("\(value)")
        }
        fields["time"] = time.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
        fields["level"] = level.rawValue
        fields["event"] = Redaction.clean(message)
        fields["logger"] = label
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        var line = (try? encoder.encode(fields)) ?? Data()
        line.append(UInt8(ascii: "\n"))
        return line
    }
}
