internal import BackhaulLog

/// CRC-32C (Castagnoli, reflected polynomial 0x82F63B78) of a record, stored with it: SQLite's pages have no checksum,
/// so a flipped bit in a value would not be noticed.
enum Checksum {
    /// The checksum of a record's parts; null and empty differ.
    /// - Parameter at: the append time as stored, in milliseconds since 1970.
    static func of(at: Int64, key: [UInt8]?, value: [UInt8]?, headers: [UInt8]) -> UInt32 {
        var crc: UInt32 = 0xffff_ffff
        withUnsafeBytes(of: at.littleEndian) { update(&crc, $0) }
        for part in [key, value, headers] {
            withUnsafeBytes(of: Int32(part?.count ?? -1).littleEndian) { update(&crc, $0) }
            part?.withUnsafeBytes { update(&crc, $0) }
        }
        return ~crc
    }

    /// Processes four bytes a step ("slicing by 4", Kounavis and Berry 2005).
    static func update(_ crc: inout UInt32, _ bytes: UnsafeRawBufferPointer) {
        tables.withUnsafeBufferPointer { table in
            var c = crc
            var i = 0
            while i + 4 <= bytes.count {
                c ^= bytes.loadUnaligned(fromByteOffset: i, as: UInt32.self).littleEndian
                c =
                    table[768 + Int(c & 0xff)] ^ table[512 + Int(c >> 8 & 0xff)] ^ table[256 + Int(c >> 16 & 0xff)]
                    ^ table[Int(c >> 24)]
                i += 4
            }
            while i < bytes.count {
                c = table[Int((c ^ UInt32(bytes[i])) & 0xff)] ^ c >> 8
                i += 1
            }
            crc = c
        }
    }

    private static let tables: [UInt32] = {
        var tables = [UInt32](repeating: 0, count: 1_024)
        for index in 0..<256 {
            var value = UInt32(index)
            for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ 0x82f6_3b78 : value >> 1 }
            tables[index] = value
        }
        for index in 0..<256 {
            for table in 1..<4 {
                let below = tables[(table - 1) * 256 + index]
                tables[table * 256 + index] = below >> 8 ^ tables[Int(below & 0xff)]
            }
        }
        return tables
    }()
}
