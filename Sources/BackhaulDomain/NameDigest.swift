internal import Crypto

/// 128 bits of SHA-256 over names, the same in every process. Among 10⁸ names two collide with a probability of 10⁻²³.
package struct NameDigest: Hashable, Sendable {
    package let high: UInt64
    package let low: UInt64

    /// - Parameter number: hashed behind the names; nil for none.
    package init(_ names: [ByteText], number: Int64? = nil) {
        var hash = SHA256()
        for name in names {
            hash.update(data: Array(name.utf8))
            hash.update(data: [0] as [UInt8])
        }
        if let number { withUnsafeBytes(of: number.littleEndian) { hash.update(bufferPointer: $0) } }
        (high, low) = hash.finalize().withUnsafeBytes { bytes in
            (
                UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
                UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            )
        }
    }
}
