/// A pattern of names: `*` stands for any bytes, `/` included, `?` for one character; `\` takes the next one's
/// meaning.
///
/// Matches in time proportional to pattern times name, whatever the pattern: it may come from a caller.
package struct KeyPattern: Hashable, Sendable {
    private enum Part: Hashable {
        case byte(UInt8)
        case one
        case any
    }

    package let text: String
    private let parts: [Part]

    /// The longest pattern, in bytes.
    package static let longest = TaskRules.largestKey

    /// - Returns: nil for a pattern that is empty or too long.
    package init?(_ text: String) {
        guard (1...Self.longest).contains(text.utf8.count) else { return nil }
        self.text = text
        var parts: [Part] = []
        var isEscaped = false
        for byte in text.utf8 {
            switch byte {
            case _ where isEscaped:
                parts.append(.byte(byte))
                isEscaped = false
            case UInt8(ascii: "\\"): isEscaped = true
            case UInt8(ascii: "?"): parts.append(.one)
            case UInt8(ascii: "*"): if parts.last != .any { parts.append(.any) }
            default: parts.append(.byte(byte))
            }
        }
        if isEscaped { parts.append(.byte(UInt8(ascii: "\\"))) }
        self.parts = parts
    }

    package func matches(_ name: ByteText) -> Bool {
        name.withBytes { bytes in
            var (part, index) = (0, 0)
            // Where the last `*` is, and how far it reaches.
            var star: (part: Int, index: Int)?
            while index < bytes.count {
                if part < parts.count {
                    switch parts[part] {
                    case .any:
                        star = (part, index)
                        part += 1
                        continue
                    case .byte(let byte) where byte == bytes[index]:
                        part += 1
                        index += 1
                        continue
                    case .one:
                        part += 1
                        index += 1
                        while index < bytes.count, bytes[index] & 0xc0 == 0x80 { index += 1 }
                        continue
                    case .byte: break
                    }
                }
                guard let last = star else { return false }
                star = (last.part, last.index + 1)
                part = last.part + 1
                index = last.index + 1
            }
            return parts[part...].allSatisfy { $0 == .any }
        }
    }
}
