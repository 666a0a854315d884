/// One line of a response's head as libcurl passes it (RFC 9112, sections 4 and 5); pure.
enum HeaderLine: Hashable {
    /// A status line; nil when its code is not a number.
    case status(Int?)
    /// A field, with its name in lower case and its value without surrounding blanks.
    case field(name: String, value: String)
    /// The empty line at the end, or any other line.
    case other

    init(_ line: UnsafeRawBufferPointer) {
        let bytes = Self.trimmed(line[...])
        if bytes.starts(with: "HTTP/".utf8) {
            let words = bytes.split(separator: UInt8(ascii: " "), maxSplits: 2)
            self = .status(words.count > 1 ? Int(String(decoding: words[1], as: UTF8.self)) : nil)
        } else if let colon = bytes.firstIndex(of: UInt8(ascii: ":")) {
            self = .field(
                name: Self.lowercased(bytes[..<colon]),
                value: String(decoding: Self.trimmed(bytes[(colon + 1)...]), as: UTF8.self))
        } else {
            self = .other
        }
    }

    /// Field names are ASCII tokens.
    private static func lowercased(_ bytes: Slice<UnsafeRawBufferPointer>) -> String {
        String(unsafeUninitializedCapacity: bytes.count) { buffer in
            for (index, byte) in bytes.enumerated() {
                buffer[index] = (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
            }
            return bytes.count
        }
    }

    private static func trimmed(_ bytes: Slice<UnsafeRawBufferPointer>) -> Slice<UnsafeRawBufferPointer> {
        var bytes = bytes
        while let first = bytes.first, isBlank(first) { bytes.removeFirst() }
        while let last = bytes.last, isBlank(last) { bytes.removeLast() }
        return bytes
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0d).contains(byte) }
}
