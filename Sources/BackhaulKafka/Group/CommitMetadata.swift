/// The commit metadata of a position: the map of finished records, and the writer.
///
/// The text is the map (`FinishedMap`), then `@` and the writer's transactional id if it wrote in a transaction. With
/// the id the next owner of a partition can end a transaction that the previous owner left open.
struct CommitMetadata: Equatable, Sendable {
    var map: String
    var writer: String?

    /// The most that brokers accept by default (`offset.metadata.max.bytes`), in bytes.
    static let limit = 4096

    init(map: String, writer: String? = nil) {
        self.map = map
        self.writer = writer
    }

    init(text: String) {
        guard let separator = text.utf8.firstIndex(of: UInt8(ascii: "@")) else {
            self.init(map: text)
            return
        }
        let writer = text[text.utf8.index(after: separator)...]
        self.init(map: String(text[..<separator]), writer: writer.isEmpty ? nil : String(writer))
    }

    /// Omits the writer when it does not fit: only the map must not be lost.
    var text: String {
        guard let writer, map.utf8.count + 1 + writer.utf8.count <= Self.limit else { return map }
        return "\(map)@\(writer)"
    }
}
