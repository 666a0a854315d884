internal import Foundation

/// The settings of one destination as they were written, read by its type.
package struct DestinationFields: Sendable {
    /// A setting that cannot be used: which, and what to write.
    package struct InvalidError: Error, Hashable, Sendable, CustomStringConvertible {
        package let description: String

        package init(_ description: String) { self.description = description }
    }

    private let texts: [String: String]

    /// Checks the names and the choices of `texts` by the fields of a type.
    /// - Throws: `InvalidError`.
    package init(_ texts: [String: String], of type: any DestinationType.Type) throws(InvalidError) {
        var texts = texts
        for name in texts.keys.sorted() where !type.fields.contains(where: { $0.name == name }) {
            throw InvalidError("\(name) is not used by type \(type.name)")
        }
        for field in type.fields {
            guard let text = texts[field.name] ?? field.standard else {
                if field.isRequired { throw InvalidError("\(field.name) is missing") }
                continue
            }
            if case .choice(let all) = field.kind, !all.contains(text) {
                throw InvalidError("\(field.name) must be one of \(all.joined(separator: ", "))")
            }
            texts[field.name] = text
        }
        self.texts = texts
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

    /// The path that a field names, of a file that can be read; nil where it is not set.
    /// - Throws: `InvalidError`.
    package func file(_ name: String) throws(InvalidError) -> String? {
        guard let file = texts[name] else { return nil }
        guard file.hasPrefix("/") else { throw InvalidError("\(name) must be an absolute path") }
        guard access(file, R_OK) == 0 else {
            throw InvalidError("\(name) \(file) cannot be read: \(String(cString: strerror(errno)))")
        }
        return file
    }

    /// The path of a file with a secret that is not read here; nil where it is not set.
    /// - Throws: `InvalidError` for a file that others may write, and for one that cannot be read.
    package func secretPath(_ name: String) throws(InvalidError) -> String? {
        guard let file = try file(name) else { return nil }
        do {
            _ = try SecretFile.read(file)
        } catch {
            throw InvalidError("\(name) \(file) \(error)")
        }
        return file
    }

    /// The headers in the file that a field names, one `Name: value` per line; none where it is not set.
    /// - Throws: `InvalidError`, with the line's number and never its text.
    package func secretHeaders(_ name: String) throws(InvalidError) -> [SecretHeader] {
        guard let file = texts[name] else { return [] }
        let text: String
        do {
            text = try SecretFile.read(file)
        } catch {
            throw InvalidError("\(name) \(file) \(error)")
        }
        var headers: [SecretHeader] = []
        for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let line = line.trimmingCharacters(in: .whitespaces)
            if line.isEmpty { continue }
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            let value = parts.count == 2 ? parts[1].trimmingCharacters(in: .whitespaces) : ""
            // RFC 9110, section 5.6.2: a token. What the engine sets itself cannot be given.
            let isToken =
                !parts[0].isEmpty
                && parts[0].utf8.allSatisfy { "!#$%&'*+-.^_`|~".utf8.contains($0) || isAlphanumeric($0) }
            let isOurs = ["content-length", "transfer-encoding", "host"].contains(parts[0].lowercased())
            guard isToken, !isOurs, !value.isEmpty, value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }) else {
                throw InvalidError("\(name) \(file), line \(number + 1): must be 'Name: value'")
            }
            headers.append(SecretHeader(name: String(parts[0]), value: Secret(value)))
        }
        return headers
    }

    private func isAlphanumeric(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
            || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    /// The content of the file that a field names, without the blanks around it; nil where it is not set.
    /// - Throws: `InvalidError`.
    package func secret(_ name: String) throws(InvalidError) -> Secret? {
        guard let file = texts[name] else { return nil }
        do {
            return try SecretFile.secret(file)
        } catch {
            throw InvalidError("\(name) \(file) \(error)")
        }
    }
}
