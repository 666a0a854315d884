/// A reflected CRC with all ones as its initial value and its final mask, eight bytes a step: M. Kounavis, F. Berry,
/// "A systematic approach to building high performance software-based CRC generators" (slicing by eight).
struct CyclicRedundancy<Word: FixedWidthInteger & UnsignedInteger & Sendable>: Sendable {
    private let table: RedundancyTable<Word>
    private var value = Word.max

    init(_ table: RedundancyTable<Word>) { self.table = table }

    mutating func update(_ bytes: UnsafeRawBufferPointer) {
        var value = value
        var index = 0
        table.entries.withUnsafeBufferPointer { entries in
            while index + 8 <= bytes.count {
                let next = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self))
                var mixed = next ^ UInt64(truncatingIfNeeded: value)
                value = 0
                for slice in 0..<8 {
                    value ^= entries[(7 - slice) << 8 | Int(mixed & 0xff)]
                    mixed >>= 8
                }
                index += 8
            }
            while index < bytes.count {
                value = value >> 8 ^ entries[Int(UInt8(truncatingIfNeeded: value) ^ bytes[index])]
                index += 1
            }
        }
        self.value = value
    }

    /// Its first byte the most significant.
    var bytes: [UInt8] { withUnsafeBytes(of: (~value).bigEndian) { Array($0) } }
}
