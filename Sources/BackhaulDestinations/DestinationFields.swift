package import BackhaulUnits
internal import Foundation

/// The settings of one destination as they were written, read by its type.
package struct DestinationFields: Sendable {
    /// A setting that cannot be used: which, and what to write.
    package struct InvalidError: Error, Hashable, Sendable, CustomStringConvertible {
        package let description: String

        package init(_ description: String) { self.description = description }
    }

    private let texts: [String: String]
    /// Whether secrets are read; without them a destination is good for its name and settings alone.
    package let readsSecrets: Bool

    /// Checks the names and the choices of `texts` by the fields of a type.
    /// - Parameter readsSecrets: whether files are read. If false, a secret is empty, and its destination is good for
    ///   its name and its settings only.
    /// - Throws: `InvalidError`.
    package init(
        _ texts: [String: String], of type: any DestinationType.Type, readsSecrets: Bool = true
    ) throws(InvalidError) {
        self.readsSecrets = readsSecrets
        var texts = texts
        for name in texts.keys.sorted() where !type.fields.contains(where: { $0.name == name }) {
            throw InvalidError("\(name) is not used by type \(type.name)")
        }
        for field in type.fields {
            guard let text = texts[field.name] ?? field.standard else {
                if field.isRequired { throw InvalidError("\(field.name) is missing") }
                continue
            }
            try Self.check(text, field)
            texts[field.name] = text
        }
        self.texts = texts
    }

    private static func check(_ text: String, _ field: DestinationField) throws(InvalidError) {
        switch field.kind {
        case .choice(let all):
            guard !all.contains(text) else { return }
            throw InvalidError("\(field.name) must be one of \(all.joined(separator: ", "))")
        case .size(let range):
            if let size = ByteCount(text: text), range.contains(size) { return }
            throw InvalidError(
                "\(field.name) must be a size such as 8MiB, from \(range.lowerBound) to \(range.upperBound) bytes")
        case .integer(let range):
            if let number = Int(text), range.contains(number) { return }
            throw InvalidError("\(field.name) must be a number from \(range.lowerBound) to \(range.upperBound)")
        case .text, .secretFile, .file: return
        }
    }

    /// The text of a field; empty where an optional one is not set.
    package subscript(_ name: String) -> String { texts[name] ?? "" }

    /// The choice of a field; its first case should the field not be one of them.
    /// - Throws: `InvalidError`.
    package func choice<Choice: RawRepresentable & CaseIterable>(_ name: String) throws(InvalidError) -> Choice
    where Choice.RawValue == String {
        guard let choice = Choice(rawValue: self[name]) else {
            throw InvalidError("\(name) must be one of \(Choice.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return choice
    }

    /// The size of a field of that kind, which is within its range.
    package func size(_ name: String) -> ByteCount { ByteCount(text: self[name]) ?? .zero }

    /// The number of a field of that kind, which is within its range.
    package func integer(_ name: String) -> Int { Int(self[name]) ?? 0 }

    /// The same without some fields.
    package func without(_ names: Set<String>) -> DestinationFields {
        DestinationFields(texts.filter { !names.contains($0.key) }, readsSecrets)
    }

    private init(_ texts: [String: String], _ readsSecrets: Bool) {
        self.texts = texts
        self.readsSecrets = readsSecrets
    }

    /// Whether a field was written, or has a standard value.
    package func has(_ name: String) -> Bool { texts[name] != nil }

    /// The path that a field names, of a file that can be read; nil where it is not set.
    /// - Throws: `InvalidError`.
    package func file(_ name: String) throws(InvalidError) -> String? {
        guard let text = texts[name] else { return nil }
        guard readsSecrets else { return text }
        let file: String
        do {
            file = try SecretFile.resolve(text)
        } catch {
            throw InvalidError("\(name) \(text) \(error)")
        }
        guard file.hasPrefix("/") else { throw InvalidError("\(name) must be an absolute path") }
        guard access(file, R_OK) == 0 else {
            throw InvalidError("\(name) \(file) cannot be read: \(String(cString: strerror(errno)))")
        }
        return file
    }

    /// The path of a file with a secret that is not read here; nil where it is not set.
    /// - Throws: `InvalidError` for a file that others may write, and for one that cannot be read.
    package func secretPath(_ name: String) throws(InvalidError) -> String? {
        let file = try file(name)
        _ = try secretText(name)
        return file
    }

    /// The headers in the file that a field names, one `Name: value` per line; none where it is not set.
    /// - Throws: `InvalidError`, with the line's number and never its text.
    package func secretHeaders(_ name: String) throws(InvalidError) -> [SecretHeader] {
        try reading(name, instead: []) { path throws(SecretFile.RefusedError) in try SecretFile.headers(path) } ?? []
    }

    /// The content of the file that a field names, without the blanks around it; nil where it is not set, and empty
    /// where secrets are not read.
    /// - Throws: `InvalidError`.
    package func secret(_ name: String) throws(InvalidError) -> Secret? {
        try reading(name, instead: Secret("")) { path throws(SecretFile.RefusedError) in try SecretFile.secret(path) }
    }

    /// As `secret`, as it is.
    /// - Throws: `InvalidError`.
    package func secretText(_ name: String) throws(InvalidError) -> Secret? {
        try reading(name, instead: Secret("")) { path throws(SecretFile.RefusedError) in
            Secret(try SecretFile.read(path))
        }
    }

    private func reading<Value>(
        _ name: String, instead: Value, _ read: (String) throws(SecretFile.RefusedError) -> Value
    ) throws(InvalidError) -> Value? {
        guard let file = texts[name] else { return nil }
        guard readsSecrets else { return instead }
        do {
            return try read(file)
        } catch {
            throw InvalidError("\(name) \(file) \(error)")
        }
    }
}
