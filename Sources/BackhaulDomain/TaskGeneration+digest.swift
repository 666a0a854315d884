internal import Crypto

extension TaskGeneration {
    /// 128 bits of SHA-256 over the name, the same in every process. Among 10⁸ generations two collide with a
    /// probability of 10⁻²³.
    package var digest: (high: UInt64, low: UInt64) {
        var hash = SHA256()
        for part in [identity.tenant, identity.id] {
            hash.update(data: Array(part.utf8))
            hash.update(data: [0] as [UInt8])
        }
        withUnsafeBytes(of: Int64(generation).littleEndian) { hash.update(bufferPointer: $0) }
        return hash.finalize().withUnsafeBytes { bytes in
            (
                UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
                UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            )
        }
    }
}
