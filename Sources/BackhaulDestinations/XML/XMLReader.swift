/// Splits an XML document into tags and text.
struct XMLReader {
    enum Token: Hashable {
        case start(name: String, isEmpty: Bool)
        case end(name: String)
        case text(String)
        case invalid
    }

    private let bytes: [UInt8]
    private var index = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// The next token; nil at the end of the document.
    mutating func next() -> Token? {
        while index < bytes.count {
            guard bytes[index] == UInt8(ascii: "<") else { return text() }
            if starts("<!--") {
                guard skip(past: "-->") else { return .invalid }
            } else if starts("<?") {
                guard skip(past: "?>") else { return .invalid }
            } else if starts("<![CDATA[") {
                return characterData()
            } else if starts("<!") {
                return .invalid
            } else {
                return tag()
            }
        }
        return nil
    }

    private func starts(_ text: String) -> Bool { bytes[index...].starts(with: text.utf8) }

    private mutating func skip(past end: String) -> Bool {
        guard let found = find(end) else { return false }
        index = found + end.utf8.count
        return true
    }

    private func find(_ text: String) -> Int? {
        let wanted = Array(text.utf8)
        guard let first = wanted.first else { return nil }
        var start = index
        while let found = bytes[start...].firstIndex(of: first) {
            if bytes[found...].starts(with: wanted) { return found }
            start = found + 1
        }
        return nil
    }

    private mutating func characterData() -> Token {
        index += "<![CDATA[".utf8.count
        guard let end = find("]]>") else { return .invalid }
        defer { index = end + 3 }
        return .text(String(decoding: bytes[index..<end], as: UTF8.self))
    }

    private mutating func tag() -> Token {
        index += 1
        let isEnd = index < bytes.count && bytes[index] == UInt8(ascii: "/")
        if isEnd { index += 1 }
        let start = index
        while index < bytes.count, !Self.endsName.contains(bytes[index]) { index += 1 }
        // A prefix names a namespace; within one answer no two of our names differ by it.
        let whole = bytes[start..<index]
        let local = whole.lastIndex(of: UInt8(ascii: ":")).map { whole[($0 + 1)...] } ?? whole
        let name = String(decoding: local, as: UTF8.self)
        guard !name.isEmpty else { return .invalid }
        var quote: UInt8?
        while index < bytes.count {
            let byte = bytes[index]
            index += 1
            if let open = quote {
                if byte == open { quote = nil }
            } else if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
                quote = byte
            } else if byte == UInt8(ascii: ">") {
                if isEnd { return .end(name: name) }
                return .start(name: name, isEmpty: bytes[index - 2] == UInt8(ascii: "/"))
            }
        }
        return .invalid
    }

    private static let endsName = Set(" \t\r\n/>".utf8)

    private mutating func text() -> Token {
        let end = bytes[index...].firstIndex(of: UInt8(ascii: "<")) ?? bytes.count
        defer { index = end }
        let part = bytes[index..<end]
        guard part.contains(UInt8(ascii: "&")) else { return .text(String(decoding: part, as: UTF8.self)) }
        return .text(Self.resolved(String(decoding: part, as: UTF8.self)))
    }

    /// The text with the references that XML defines replaced; others stay as they are.
    private static func resolved(_ text: String) -> String {
        var result = ""
        var rest = text[...]
        while let start = rest.firstIndex(of: "&") {
            result += rest[..<start]
            rest = rest[start...]
            guard let end = rest.prefix(12).firstIndex(of: ";"),
                let character = character(rest[rest.index(after: start)..<end])
            else {
                result.append("&")
                rest = rest.dropFirst()
                continue
            }
            result.unicodeScalars.append(character)
            rest = rest[rest.index(after: end)...]
        }
        return result + rest
    }

    private static func character(_ name: Substring) -> Unicode.Scalar? {
        switch name {
        case "amp": return "&"
        case "lt": return "<"
        case "gt": return ">"
        case "quot": return "\""
        case "apos": return "'"
        default:
            guard name.first == "#" else { return nil }
            let number = name.dropFirst()
            let isHexadecimal = number.first == "x" || number.first == "X"
            let value = isHexadecimal ? UInt32(number.dropFirst(), radix: 16) : UInt32(number)
            return value.flatMap(Unicode.Scalar.init)
        }
    }
}
