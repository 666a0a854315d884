package import Foundation
package import Logging
internal import Synchronization

/// Writes one JSON object per line to stderr: `time`, `level`, `event`, `logger`, and the metadata's keys. Secrets
/// are redacted; JSON escapes control characters, so that no value can forge a line.
package struct JSONLogHandler: LogHandler {
    package var metadata: Logger.Metadata = [:]
    /// The lowest level that the process writes, for every logger without its own level.
    package static var threshold: Logger.Level {
        get { Logger.Level.allCases[index.load(ordering: .relaxed)] }
        set { index.store(Logger.Level.allCases.firstIndex(of: newValue) ?? 0, ordering: .relaxed) }
    }

    /// Atomic instead of a lock: read for every event, written or not.
    private static let index = Atomic(Logger.Level.allCases.firstIndex(of: .info) ?? 0)

    private var own: Logger.Level?
    private let label: String

    /// The logger's own level once it is set; until then the process's level, which may change at runtime.
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
        // One write per line, so that lines of two threads do not mix.
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
