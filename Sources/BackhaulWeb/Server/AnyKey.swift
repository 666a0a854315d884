/// A key of a JSON object, known or not.
struct AnyKey: CodingKey {
    /// Marks a decoding error caused by an unknown key.
    struct Unknown: Error {}

    var stringValue: String
    var intValue: Int? { nil }

    init(_ name: String) { stringValue = name }

    init?(stringValue: String) { self.stringValue = stringValue }

    init?(intValue: Int) { nil }

    /// - Throws: `DecodingError` for a key that is not among `known`: a mistyped name must not be ignored.
    static func check(_ container: KeyedDecodingContainer<AnyKey>, _ known: [String], in what: String) throws {
        for key in container.allKeys where !known.contains(key.stringValue) {
            throw DecodingError.dataCorrupted(
                DecodingError.Context(
                    codingPath: [], debugDescription: "\(what) has no field '\(key.stringValue.prefix(64))'",
                    underlyingError: Unknown()))
        }
    }
}
