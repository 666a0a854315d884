/// What goes with a position into Kafka's commit metadata: the map of finished records, and who wrote it.
///
/// As text the map (`FinishedMap`), then `@` and the transactional id of the writer, when it wrote in a transaction. With the
/// id the next owner of a partition can end a transaction that its last one has left open.
struct CommitMetadata: Equatable, Sendable {
    var map: String
    var writer: String?

    /// What brokers take (`offset.metadata.max.bytes`), in bytes.
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

    /// Leaves the writer out where it would not fit: the map is what must not be lost.
    var text: String {
        guard let writer, map.utf8.count + 1 + writer.utf8.count <= Self.limit else { return map }
        return "\(map)@\(writer)"
    }
}
