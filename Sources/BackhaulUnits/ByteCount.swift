/// A number of bytes: the size of a file, a record or a buffer. Sums saturate.
package struct ByteCount: Hashable, Comparable, Sendable, CustomStringConvertible {
    package static let zero = ByteCount(0)

    /// The number, for codecs, storage and C libraries.
    package let bytes: UInt64

    package init(_ bytes: UInt64) {
        self.bytes = bytes
    }

    /// Zero for a negative number. The size of something in memory: the usual case, which needs no generic call.
    package init(clamping bytes: Int) {
        self.bytes = bytes < 0 ? 0 : UInt64(bytes)
    }

    /// Zero for a negative number.
    package init(clamping bytes: some BinaryInteger) {
        self.bytes = UInt64(clamping: bytes)
    }

    /// The number as `Int`, at most `Int.max`: for memory, whose sizes are smaller.
    package var count: Int { Int(clamping: bytes) }

    /// The number alone.
    package var description: String { String(bytes) }

    package static func < (left: ByteCount, right: ByteCount) -> Bool { left.bytes < right.bytes }

    package static func + (left: ByteCount, right: ByteCount) -> ByteCount {
        ByteCount(left.bytes.addingClamped(right.bytes))
    }

    /// Zero when `right` is larger.
    package static func - (left: ByteCount, right: ByteCount) -> ByteCount {
        ByteCount(left.bytes.subtractingClamped(right.bytes))
    }

    package static func += (left: inout ByteCount, right: ByteCount) { left = left + right }
}

/// A number of bytes.
extension ByteCount: Codable {
    package init(from decoder: any Decoder) throws {
        self.init(try decoder.singleValueContainer().decode(UInt64.self))
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(bytes)
    }
}
