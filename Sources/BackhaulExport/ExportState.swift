internal import Foundation

/// How far an export has come: `_state.json` in its folder. Written before each part and after it, by renaming.
struct ExportState: Codable, Hashable {
    struct Position: Codable, Hashable {
        /// The first offset that is in no file.
        var next: Int64
        /// The end of the part that is being written; nil between two parts. One that was begun is written again with
        /// the same bounds, under temporary names.
        var pending: Int64?
        /// The files of that part, once all are whole: from then on they only get their names. They are not written
        /// again, since the classes of tenants may be others by then.
        var files: [String]?
    }

    /// The log and the topic, for people.
    var source: String
    var partitions: [String: Position] = [:]

    static let name = "_state.json"

    /// - Returns: nil when there is none.
    /// - Throws: `ExportError.state`.
    static func read(_ folder: String) throws -> ExportState? {
        let path = folder + "/" + name
        guard let data = FileManager.default.contents(atPath: path) else { return nil }
        guard let state = try? JSONDecoder().decode(Self.self, from: data),
            state.partitions.allSatisfy({ number, position in
                Int(number) != nil && position.next >= 0 && (position.pending ?? position.next) >= position.next
                    && (position.files == nil || position.pending != nil)
            })
        else { throw ExportError.state(path) }
        return state
    }

    /// - Throws: `ExportError.folder`.
    func write(_ folder: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(self) else { throw ExportError.state(folder) }
        try DurableFile.write(Array(data), to: folder + "/" + Self.name)
    }
}
