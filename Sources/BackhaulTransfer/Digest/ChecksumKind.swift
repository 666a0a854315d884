/// A checksum that stores ask for beside SHA-256.
package enum ChecksumKind: String, Hashable, Sendable, CaseIterable {
    case md5
    /// Castagnoli: the reflected polynomial 0x82F63B78.
    case crc32c
    /// Of the NVM Express specification: the reflected polynomial 0x9A6C9329AC4BC9B5.
    case crc64nvme

    /// The checksum of bytes in memory.
    package func of(_ bytes: [UInt8]) -> [UInt8] {
        var checksum = Checksum(self)
        bytes.withUnsafeBytes { checksum.update($0) }
        return checksum.finish()
    }
}
