/// For each of eight bytes of a step: what each of its values adds to a reflected CRC.
struct RedundancyTable<Word: FixedWidthInteger & UnsignedInteger & Sendable>: Sendable {
    /// 256 for the last byte of a step, then 256 for the byte before it, and so on.
    let entries: [Word]

    /// - Parameter polynomial: reflected.
    init(polynomial: Word) {
        var entries = (0..<256).map { byte in
            (0..<8).reduce(Word(byte)) { value, _ in value & 1 == 1 ? value >> 1 ^ polynomial : value >> 1 }
        }
        for index in 256..<2_048 {
            let before = entries[index - 256]
            entries.append(before >> 8 ^ entries[Int(UInt8(truncatingIfNeeded: before))])
        }
        self.entries = entries
    }
}
