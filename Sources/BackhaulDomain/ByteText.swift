/// Text that compares, hashes and sorts by its UTF-8 bytes: tenants, ids, batches, paths, keys, destinations.
///
/// Swift's `String` compares by canonical equivalence: `é` as one scalar equals `e` with a combining accent, and
/// the Kelvin sign equals `K`. The kernel, servers and the log treat these as different names.
package struct ByteText: Hashable, Comparable, Sendable {
    package let text: String

    package init(_ text: String) { self.text = text }

    package init(_ text: Substring) { self.text = String(text) }

    package var utf8: String.UTF8View { text.utf8 }

    package var isEmpty: Bool { text.isEmpty }

    package func hasPrefix(_ prefix: ByteText) -> Bool { utf8.starts(with: prefix.utf8) }

    package static func == (left: Self, right: Self) -> Bool {
        left.withBytes { left in
            right.withBytes { right in
                left.count == right.count && (left.isEmpty || left.elementsEqual(right))
            }
        }
    }

    package static func < (left: Self, right: Self) -> Bool { left.utf8.lexicographicallyPrecedes(right.utf8) }

    package func hash(into hasher: inout Hasher) {
        withBytes { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        // Terminates the text, so that ("ab", "c") and ("a", "bc") differ; UTF-8 never contains this byte.
        hasher.combine(0xff as UInt8)
    }

    /// Calls `body` with the UTF-8 bytes, which are valid only during the call.
    package func withBytes<Value>(_ body: (UnsafeBufferPointer<UInt8>) -> Value) -> Value {
        if let value = text.utf8.withContiguousStorageIfAvailable(body) { return value }
        var copy = text
        return copy.withUTF8(body)
    }
}

extension ByteText: ExpressibleByStringInterpolation, CustomStringConvertible {
    package init(stringLiteral value: String) { text = value }

    package var description: String { text }
}

extension ByteText: Codable {
    package init(from decoder: any Decoder) throws {
        text = try decoder.singleValueContainer().decode(String.self)
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}
