internal import BackhaulDomain
internal import BackhaulRecords

/// The index entry of one generation's result: 24 bytes.
struct ResultEntry: Hashable, Sendable {
    struct Key: Hashable, Comparable, Sendable {
        let high: UInt64
        let low: UInt64

        init(high: UInt64, low: UInt64) {
            self.high = high
            self.low = low
        }

        init(_ task: TaskGeneration) {
            let digest = task.digest
            self.init(high: digest.high, low: digest.low)
        }

        static func < (left: Self, right: Self) -> Bool { (left.high, left.low) < (right.high, right.low) }
    }

    let key: Key
    /// The offset of the result in its partition; `unknown` until it has been read.
    let offset: Int64
    /// Whether the generation ended as cancelled.
    let isCancel: Bool
    let content: ContentMark

    /// The offset of a result that was just written, on a log that does not return it: the largest of 48 bits.
    static let unknown = Int64(1) << 48 - 1
    static let size = 24

    init(key: Key, offset: Int64, isCancel: Bool, content: ContentMark) {
        self.key = key
        self.offset = min(max(0, offset), Self.unknown)
        self.isCancel = isCancel
        self.content = content
    }

    /// Reads an entry of a block.
    /// - Parameter place: the number of the entry in the block.
    init(_ block: UnsafeRawBufferPointer, at place: Int) {
        func word(_ number: Int) -> UInt64 {
            UInt64(bigEndian: block.loadUnaligned(fromByteOffset: place * Self.size + number * 8, as: UInt64.self))
        }
        let value = word(2)
        self.init(
            key: Key(high: word(0), low: word(1)), offset: Int64(value >> 16), isCancel: value & 1 == 1,
            content: ContentMark(bits: UInt16(truncatingIfNeeded: value >> 1)))
    }

    func write(to bytes: inout [UInt8]) {
        for word in [key.high, key.low, UInt64(offset) << 16 | UInt64(content.bits) << 1 | (isCancel ? 1 : 0)] {
            withUnsafeBytes(of: word.bigEndian) { bytes.append(contentsOf: $0) }
        }
    }
}
